# The two transition tables of a conversation. See transitions.pyx.

cpdef enum Phase:
    # What the client may send now.
    PHASE_READY          # a new command, or more of a pipeline
    PHASE_SKIPPING       # after an error: everything up to Sync is dropped, Sync goes on
    PHASE_SKIPPING_HERE  # the same, but the backend never saw the pipeline: Sync is answered here
    PHASE_COPYING        # the backend asked for copy data
    PHASE_CLOSED
    PHASES

cpdef enum Act:
    # What a frontend message means in a phase. Zero is "not here": 08P01.
    ACT_VIOLATION = 0
    ACT_QUERY
    ACT_PARSE
    ACT_BIND
    ACT_DESCRIBE
    ACT_EXECUTE
    ACT_CLOSE
    ACT_FLUSH
    ACT_SYNC
    ACT_SYNC_HERE
    ACT_COPY_DATA
    ACT_COPY_END
    ACT_FUNCTION_CALL
    ACT_TERMINATE
    ACT_DISCARD

cpdef enum Reply:
    # What the backend owes us next: the kind at the head of the queue.
    REPLY_NONE = 0            # nothing: only asynchronous messages
    REPLY_QUERY               # results of a simple Query, to its ReadyForQuery
    REPLY_QUERY_COPY_OUT      # the same while a COPY TO STDOUT streams
    REPLY_QUERY_REFUSED       # a failing statement sent in place of a denied Query
    REPLY_PROBE               # the proxy asks what a statement would return; all of it is swallowed
    REPLY_PARSE
    REPLY_PARSE_REFUSED       # a failing Parse sent in place of a denied message
    REPLY_BIND
    REPLY_DESCRIBE_STATEMENT
    REPLY_DESCRIBE_PORTAL
    REPLY_EXECUTE
    REPLY_EXECUTE_COPY_OUT
    REPLY_CLOSE
    REPLY_SYNC
    REPLY_FUNCTION_CALL
    REPLY_ASIDE               # a simple Query of the proxy's own, to its ReadyForQuery
    REPLY_ASKED               # a question of the gate's, see asking.pyx
    REPLY_TAKEN_BACK          # what removes the traces of one
    REPLY_IMPOSED             # settings of a changed policy, see imposing.pyx
    REPLIES

cpdef enum Event:
    # What a backend message means for the reply at the head. Zero is "not here".
    EVENT_VIOLATION = 0
    EVENT_ROW_DESCRIPTION
    EVENT_ROW
    EVENT_COMPLETE
    EVENT_EMPTY
    EVENT_SUSPENDED
    EVENT_PARAMETERS
    EVENT_NO_DATA
    EVENT_PARSED
    EVENT_BOUND
    EVENT_CLOSED
    EVENT_READY
    EVENT_COPY_IN
    EVENT_COPY_OUT
    EVENT_COPY_DATA
    EVENT_COPY_DONE
    EVENT_FUNCTION_RESULT
    EVENT_ERROR
    EVENT_NOTICE
    EVENT_NOTIFICATION
    EVENT_PARAMETER_STATUS
    EVENT_ASIDE               # of a statement of the proxy's own
    EVENT_ASIDE_ERROR
    EVENT_ASIDE_READY
    EVENT_ASKED               # of a question of the gate's
    EVENT_ASKED_NOTICE
    EVENT_ASKED_ROW
    EVENT_ASKED_CLOSED
    EVENT_ASKED_READY
    EVENT_ASKED_ERROR
    EVENT_ASKED_STATUS

cdef unsigned char frontend_table[PHASES][256]
cdef unsigned char backend_table[REPLIES][256]
