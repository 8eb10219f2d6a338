"""Names of people, replaced word by word from two lists.

A word has the same stand-in wherever it is a given name, and another wherever it is a family name:
``first_name``, ``last_name`` and ``full_name`` of one person agree, and so does "Miller, Ann" with
"Ann Miller". Shape stays: the number of words, initials, and small or capital letters. A word never stands
for itself. All names are plain ASCII, which every client encoding has.
"""

from libc.string cimport memcpy, memset

from govproxy._fastpath.maskers cimport S_GIVEN, S_SURNAME, MaskSpec
from govproxy._fastpath.maskpieces cimport lower
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_reserve
from govproxy._fastpath.prf cimport prf_folded

GIVEN = (
    "Ada Alba Alma Amir Anouk Arlo Astrid Aurel Basil Bea Benno Bruno Carla Cato Celia Cleo Dario Delia "
    "Dimitri Dora Edda Eero Elif Elmo Emeka Enzo Esra Ewan Fabio Fenna Flora Fenno Gita Goran Greta Gwen Hana "
    "Hilde Hugo Ida Ilse Ines Iris Ivo Jana Joris Juno Jette Kaya Kofi Kaj Lars Leila Lior Lotte Luca Mara Mei "
    "Milo Mirko Nadia Nils Noor Nora Odin Orla Otto Oona Pia Petra Piet Quinn Rafa Rhea Romy Runa Sanna Silas "
    "Sami Selma Tara Timo Tove Thea Uma Urban Ulla Urs Vera Vito Viggo Wanda Wim Xenia Yara Yves Yuna Zeno Zita "
    "Zora Abel Adil Agda Aino Alois Ansel Anton Bela Birk Bodo Cara Casper Dana Desta Edgar Elin Emre Ennio "
    "Fadi Falko Gaia Gero Halil Hedda Imre Inka Jaro Jonna"
)
SURNAMES = (
    "Abelson Adeyemi Ahlgren Alder Amato Aydin Barlow Becker Berg Bright Brandt Busch Calder Castel Chandra "
    "Corvin Crane Cray Dahl Dekker Drake Duarte Dressler Eklund Ellery Engel Ernst Fabre Falk Ferrer Finch "
    "Frost Galli Garrow Gerber Greve Haas Hale Hansson Hirata Holt Hovde Ibarra Ivers Isler Jaeger Jarvis Kato "
    "Keane Kessler Kovac Kray Lange Larkin Lindt Lorenz Lund Marsh Mercer Mori Munk Nagy Nolan Noor Norden "
    "Okafor Oster Orlov Palmer Petit Pohl Quist Quill Ramos Reyes Ritter Rossi Rusk Sato Soler Stark Sorel "
    "Stone Tanaka Thorne Tilling Torvald Ullman Ulrich Vidal Varga Voss Weber Wendt Winter Yates Yilmaz Zeller "
    "Ziegler Zorn Arden Arlt Ashby Bellamy Birk Blom Borg Carver Dorn Ebner Farrow Gault Harlan Hollis Juhl "
    "Kemp Lamont Maddox Nyman Osgood Pryor Radke Selby Tarrant Upton Vance Wexler Wyatt"
)

cdef enum:
    NAMES = 128
    SLOT = 16           # a name and, in the last byte, its length
    MOST_WORDS = 6

cdef unsigned char[NAMES][SLOT] given
cdef unsigned char[NAMES][SLOT] surnames


cdef int fill(unsigned char (*table)[SLOT], str names) except -1:
    cdef list words = names.split()
    cdef bytes word
    cdef const unsigned char* letters
    cdef int i
    if len(set(words)) != NAMES:
        raise ValueError(f"{len(set(words))} names instead of {NAMES}")
    for i in range(NAMES):
        word = words[i].encode("ascii")
        if len(word) >= SLOT:
            raise ValueError("a name that is too long")
        letters = word
        memset(table[i], 0, SLOT)
        memcpy(table[i], letters, <size_t>len(word))
        table[i][SLOT - 1] = <unsigned char>len(word)
    return 0


fill(given, GIVEN)
fill(surnames, SURNAMES)


cdef bint same_word(const unsigned char* name, const unsigned char* p, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if name[SLOT - 1] != n:
        return False
    for i in range(n):
        if lower(name[i]) != lower(p[i]):
            return False
    return True


cdef void put_word(const MaskSpec* spec, bint surname, const unsigned char* p, Py_ssize_t n,
                   OutBuf* out) noexcept nogil:
    # The caller has reserved room.
    cdef unsigned char[16] tag
    cdef const unsigned char* table
    cdef const unsigned char* name
    cdef unsigned char* at = out.data + out.size
    cdef int number
    cdef int i
    cdef int size
    prf_folded(&spec.key, p, n, tag)
    table = &surnames[0][0] if surname else &given[0][0]
    number = tag[1 if surname else 0] % NAMES
    name = table + SLOT * number
    if same_word(name, p, n):
        name = table + SLOT * ((number + 1) % NAMES)
    memcpy(at, name, SLOT)
    size = name[SLOT - 1]
    if n == 1 or (n == 2 and p[1] == c'.'):
        size = <int>n
        if n == 2:
            at[1] = c'.'
    if 97 <= p[0] <= 122:
        at[0] = lower(at[0])
    elif n > 1 and 65 <= p[1] <= 90:
        for i in range(1, size):
            if 97 <= at[i] <= 122:
                at[i] -= 32
    out.size += size


cdef int put_person(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = 0
    cdef Py_ssize_t end
    cdef Py_ssize_t next_word
    cdef Py_ssize_t size
    cdef int words = 0
    cdef bint surname
    cdef bint comma_seen = False
    # Per word a name, a blank and a comma; commas that stand alone count as themselves.
    outbuf_reserve(out, n + (MOST_WORDS + 1) * (SLOT + 2))
    while start < n and p[start] == c' ':
        start += 1
    while start < n and words < MOST_WORDS:
        end = start
        while end < n and p[end] != c' ':
            end += 1
        next_word = end
        while next_word < n and p[next_word] == c' ':
            next_word += 1
        size = end - start
        if words and not (size == 1 and p[start] == c','):
            out.data[out.size] = c' '
            out.size += 1
        if spec.style == S_GIVEN:
            surname = False
        elif spec.style == S_SURNAME:
            surname = True
        elif p[end - 1] == c',':
            surname = True
        else:
            # The last of several words, unless the family name came first.
            surname = next_word >= n and words > 0 and not comma_seen
        if p[end - 1] == c',':
            comma_seen = True
            size -= 1
        if size > 0:
            put_word(spec, surname, p + start, size, out)
            words += 1
        if p[end - 1] == c',':
            out.data[out.size] = c','
            out.size += 1
        start = next_word
    return 1 if words else 0
