"""What may come when, in both directions, as two tables.

A conversation looks a message up by (phase, message type) or (reply owed, message type); what
has no entry is a protocol violation. The tables below are the whole grammar of protocol 3.x
after login, written once to be read and copied into arrays to be fast.

Not in them on purpose: CopyBothResponse (replication), authentication requests, BackendKeyData
and NegotiateProtocolVersion, which have no business after login.
"""

# Source: PostgreSQL manual, "Message Flow" and "Message Formats".
FRONTEND = {
    PHASE_READY: {
        b"Q": ACT_QUERY,
        b"P": ACT_PARSE,
        b"B": ACT_BIND,
        b"D": ACT_DESCRIBE,
        b"E": ACT_EXECUTE,
        b"C": ACT_CLOSE,
        b"H": ACT_FLUSH,
        b"S": ACT_SYNC,
        b"F": ACT_FUNCTION_CALL,
        b"X": ACT_TERMINATE,
        # Copy messages may trail a COPY that failed, or run ahead of one that was pipelined.
        b"d": ACT_COPY_DATA,
        b"c": ACT_COPY_END,
        b"f": ACT_COPY_END,
    },
    PHASE_SKIPPING: dict.fromkeys([b"Q", b"P", b"B", b"D", b"E", b"C", b"H", b"F", b"d", b"c", b"f"], ACT_DISCARD)
    | {b"S": ACT_SYNC, b"X": ACT_TERMINATE},
    PHASE_SKIPPING_HERE: dict.fromkeys([b"Q", b"P", b"B", b"D", b"E", b"C", b"H", b"F", b"d", b"c", b"f"], ACT_DISCARD)
    | {b"S": ACT_SYNC_HERE, b"X": ACT_TERMINATE},
    PHASE_COPYING: {
        b"d": ACT_COPY_DATA,
        b"c": ACT_COPY_END,
        b"f": ACT_COPY_END,
        # The backend ignores these two while it copies, and so never answers this Sync.
        b"H": ACT_DISCARD,
        b"S": ACT_DISCARD,
        b"X": ACT_TERMINATE,
    },
    PHASE_CLOSED: {},
}

# Of a question of the gate's own: whatever extended messages may be answered with.
ASKED = {
    b"N": EVENT_ASKED_NOTICE,
    b"A": EVENT_NOTIFICATION,
    b"S": EVENT_PARAMETER_STATUS,
    b"E": EVENT_ASKED_ERROR,
    b"1": EVENT_ASKED,
    b"2": EVENT_ASKED,
    b"3": EVENT_ASKED_CLOSED,
    b"C": EVENT_ASKED,
    b"D": EVENT_ASKED_ROW,
    b"Z": EVENT_ASKED_READY,
}
ANYTIME = {b"N": EVENT_NOTICE, b"A": EVENT_NOTIFICATION, b"S": EVENT_PARAMETER_STATUS, b"E": EVENT_ERROR}

BACKEND = {
    REPLY_NONE: ANYTIME,
    REPLY_QUERY: ANYTIME
    | {
        b"T": EVENT_ROW_DESCRIPTION,
        b"D": EVENT_ROW,
        b"C": EVENT_COMPLETE,
        b"I": EVENT_EMPTY,
        b"G": EVENT_COPY_IN,
        b"H": EVENT_COPY_OUT,
        b"Z": EVENT_READY,
    },
    REPLY_QUERY_COPY_OUT: ANYTIME | {b"d": EVENT_COPY_DATA, b"c": EVENT_COPY_DONE},
    REPLY_QUERY_REFUSED: ANYTIME | {b"Z": EVENT_READY},
    REPLY_PROBE: ANYTIME
    | {
        b"1": EVENT_PARSED,
        b"t": EVENT_PARAMETERS,
        b"T": EVENT_ROW_DESCRIPTION,
        b"n": EVENT_NO_DATA,
        b"3": EVENT_CLOSED,
    },
    REPLY_PARSE: ANYTIME | {b"1": EVENT_PARSED},
    REPLY_PARSE_REFUSED: ANYTIME,
    REPLY_BIND: ANYTIME | {b"2": EVENT_BOUND},
    REPLY_DESCRIBE_STATEMENT: ANYTIME
    | {b"t": EVENT_PARAMETERS, b"T": EVENT_ROW_DESCRIPTION, b"n": EVENT_NO_DATA},
    REPLY_DESCRIBE_PORTAL: ANYTIME | {b"T": EVENT_ROW_DESCRIPTION, b"n": EVENT_NO_DATA},
    REPLY_EXECUTE: ANYTIME
    | {
        b"D": EVENT_ROW,
        b"C": EVENT_COMPLETE,
        b"I": EVENT_EMPTY,
        b"s": EVENT_SUSPENDED,
        b"G": EVENT_COPY_IN,
        b"H": EVENT_COPY_OUT,
    },
    REPLY_EXECUTE_COPY_OUT: ANYTIME | {b"d": EVENT_COPY_DATA, b"c": EVENT_COPY_DONE},
    REPLY_CLOSE: ANYTIME | {b"3": EVENT_CLOSED},
    REPLY_SYNC: ANYTIME | {b"Z": EVENT_READY},
    REPLY_FUNCTION_CALL: ANYTIME | {b"V": EVENT_FUNCTION_RESULT, b"Z": EVENT_READY},
    REPLY_ASIDE: ANYTIME
    | {
        b"T": EVENT_ASIDE,
        b"C": EVENT_ASIDE,
        b"I": EVENT_ASIDE,
        b"E": EVENT_ASIDE_ERROR,
        b"Z": EVENT_ASIDE_READY,
    },
    REPLY_ASKED: ASKED,
    REPLY_TAKEN_BACK: ASKED,
    REPLY_IMPOSED: ASKED | {b"S": EVENT_ASKED_STATUS},
}


def _fill():
    cdef int row
    for phase, messages in FRONTEND.items():
        row = phase
        for tag, act in messages.items():
            frontend_table[row][<unsigned char>tag[0]] = act
    for reply, messages in BACKEND.items():
        row = reply
        for tag, event in messages.items():
            backend_table[row][<unsigned char>tag[0]] = event


_fill()
