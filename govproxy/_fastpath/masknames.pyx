"""Names of people and places, replaced from lists.

A word has the same stand-in wherever it is a given name, and another wherever it is a family name:
``first_name``, ``last_name`` and ``full_name`` of one person agree, and so does "Miller, Ann" with
"Ann Miller". Shape stays: the number of words, initials, and small or capital letters. A word never stands
for itself. Names are plain ASCII, which every client encoding has, but for words that are in Cyrillic, Greek or Han
letters of UTF-8: those get names of their script.

A city is replaced as a whole. Of a street address the words are replaced by names of streets, figures by other
figures of the same length, and words such as "Street" stay.
"""

from libc.string cimport memcmp, memcpy, memset

from govproxy._fastpath.maskers cimport S_CITY, S_GIVEN, S_SURNAME, MaskSpec
from govproxy._fastpath.maskpieces cimport is_digit, is_letter, lower, put_byte
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_reserve
from govproxy._fastpath.prf cimport prf_folded, prf_stream

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
CITIES = (
    "Aldbury Arnsfeld Ashmoor Bellmont Birkdal Bramford Brookton Calverra Carlsund Castelro Clayton Corvale "
    "Dalheim Denholm Dorfeld Eastmere Elmsted Evendal Fairholm Falkirk Fernhill Fontana Garston Glenmore Granada "
    "Greenlo Halden Harwick Helmsby Hillfort Holmvik Ivybridge Jarrow Kelford Kingsey Lakeford Langdorf Laurens "
    "Linden Lochmar Marbella Marsden Millport Monterra Neuburg Newmarch Norheim Oakdale Orchard Ostberg Palmira "
    "Pinewood Porthaven Quarry Ravenna Redhill Ridgeway Riverton Rosental Salvador Selwick Silverton Stonehaven "
    "Summerlea"
)
STREETS = (
    "Acorn Alder Amber Aspen Autumn Beacon Birch Bishop Bluebell Bridge Brook Canal Castle Cedar Chapel Cherry "
    "Church Clover Copper Coral Cottage Crescent Dale Elder Elm Falcon Farm Fern Field Forest Garden Glen Grove "
    "Harbour Hawthorn Hazel Heather Hill Holly Ivy Juniper Lake Larch Laurel Lilac Linden Maple Meadow Mill Oak "
    "Olive Orchard Park Pine Poplar River Rose Rowan School Spring Station Valley Willow Windmill"
)
SCRIPTS = {
    "cyrillic": (
        "Анна Борис Вера Глеб Дина Егор Зоя Игорь Лада Марк Нина Олег Павел Рита Тимур Юлия",
        "Коваль Бондарь Гречко Крамар Гончар Сорока Мороз Кравец Зима Ткач Сокол Журба Савич Климук Шевчук Бабич",
    ),
    "greek": (
        "Άννα Πέτρος Μαρία Νίκος Ελένη Γιώργος Σοφία Κώστας Ειρήνη Πάνος Δάφνη Χάρης Θάνος Ιωάννα Στέλλα Μίλτος",
        "Παππάς Βλάχος Μακρής Λάμπρου Ράπτης Σπανός Κόκκας Δήμου Ζήσης Γαλάνης Φωτίου Κατσής Μάρκου Νάκος Ρήγας Τσάκας",
    ),
    "han": (
        "明 丽 伟 静 强 敏 杰 娟 勇 艳 涛 芳 军 秀英 建国 海燕",
        "王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林",
    ),
}
# Words of addresses that say nothing about anybody.
KINDS = frozenset(
    "street st st. avenue ave ave. road rd rd. lane ln ln. drive dr dr. way court ct place pl square sq boulevard blvd "
    "suite ste apt apt. unit floor no no. box strasse str str. weg platz allee gasse rue chemin place impasse "
    "calle avenida plaza paseo via viale piazza corso rua travessa de la le du des del di da do a der den am im "
    "north south east west n s e w".split()
)

cdef enum:
    NAMES = 128
    SLOT = 16           # a name and, in the last byte, its length
    MOST_WORDS = 6
    MOST_PARTS = 12     # of an address
    LONGEST_KIND = 12

# Several of each: a given name, a surname, and so on.
cdef struct Table:
    unsigned char names[NAMES][SLOT]
    int count

cdef enum Script:
    LATIN
    CYRILLIC
    GREEK
    HAN

cdef Table given[4]     # by script
cdef Table surnames[4]
cdef Table cities
cdef Table streets


cdef int fill(Table* table, str names) except -1:
    cdef list words = names.split()
    cdef bytes word
    cdef const unsigned char* letters
    cdef int i
    table.count = <int>len(set(words))
    if table.count != len(words) or table.count not in (NAMES, 64, 16):
        raise ValueError(f"{table.count} names of {len(words)}")
    for i in range(table.count):
        word = words[i].encode()
        if len(word) >= SLOT:
            raise ValueError("a name that is too long")
        letters = word
        memset(table.names[i], 0, SLOT)
        memcpy(table.names[i], letters, <size_t>len(word))
        table.names[i][SLOT - 1] = <unsigned char>len(word)
    return 0


fill(&given[<int>LATIN], GIVEN)
fill(&surnames[<int>LATIN], SURNAMES)
fill(&cities, CITIES)
fill(&streets, STREETS)
for _script, _names in zip((CYRILLIC, GREEK, HAN), SCRIPTS.values()):
    fill(&given[<int>_script], _names[0])
    fill(&surnames[<int>_script], _names[1])


cdef Script script_of(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    # Of a word whose first letter is none of ASCII's and which is UTF-8 throughout; LATIN for all others.
    cdef Py_ssize_t i = 0
    cdef int code
    cdef Script found = LATIN
    while i < n:
        if p[i] & 0xE0 == 0xC0 and n - i >= 2 and p[i + 1] & 0xC0 == 0x80:
            code = (p[i] & 0x1F) << 6 | (p[i + 1] & 0x3F)
            i += 2
            if found == LATIN:
                found = GREEK if 0x370 <= code < 0x400 else CYRILLIC if 0x400 <= code < 0x530 else LATIN
        elif p[i] & 0xF0 == 0xE0 and n - i >= 3 and p[i + 1] & 0xC0 == 0x80 and p[i + 2] & 0xC0 == 0x80:
            code = (p[i] & 0x0F) << 12 | (p[i + 1] & 0x3F) << 6 | (p[i + 2] & 0x3F)
            i += 3
            if found == LATIN and 0x4E00 <= code < 0xA000:
                found = HAN
        elif found == LATIN or p[i] >= 0x80:
            return LATIN
        else:
            i += 1
        if found == LATIN:
            return LATIN
    return found


cdef bint same_word(const unsigned char* name, const unsigned char* p, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if name[SLOT - 1] != n:
        return False
    for i in range(n):
        if lower(name[i]) != lower(p[i]):
            return False
    return True


cdef void put_word(const MaskSpec* spec, const Table* table, int byte, const unsigned char* p, Py_ssize_t n,
                   OutBuf* out) noexcept nogil:
    # The caller has reserved room. ``byte`` of the word's tag chooses.
    cdef unsigned char[16] tag
    cdef const unsigned char* name
    cdef unsigned char* at = out.data + out.size
    cdef int number
    cdef int i
    cdef int size
    prf_folded(&spec.key, p, n, tag)
    number = tag[byte] & (table.count - 1)      # a power of two
    name = table.names[number]
    if same_word(name, p, n):
        name = table.names[(number + 1) & (table.count - 1)]
    memcpy(at, name, SLOT)
    size = name[SLOT - 1]
    if name[0] >= 0x80:
        pass        # no shape of a letter to keep
    elif n == 1 or (n == 2 and p[1] == c'.'):
        size = <int>n
        if n == 2:
            at[1] = c'.'
    if name[0] >= 0x80:
        pass
    elif 97 <= p[0] <= 122:
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
    cdef Script script
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
            script = LATIN if p[start] < 0xC3 else script_of(p + start, size)
            put_word(spec, &surnames[<int>script] if surname else &given[<int>script], 1 if surname else 0,
                     p + start, size, out)
            words += 1
        if p[end - 1] == c',':
            out.data[out.size] = c','
            out.size += 1
        start = next_word
    return 1 if words else 0


cdef bytes _kinds = b" " + " ".join(sorted(KINDS)).encode("ascii") + b" "
cdef const unsigned char* kinds = _kinds
cdef Py_ssize_t kinds_size = len(_kinds)


cdef bint is_kind(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    cdef unsigned char[LONGEST_KIND + 2] word
    cdef Py_ssize_t i
    if n > LONGEST_KIND:
        return False
    word[0] = word[n + 1] = c' '
    for i in range(n):
        if p[i] == c' ':
            return False
        word[i + 1] = lower(p[i])
    for i in range(kinds_size - n - 1):
        if memcmp(kinds + i, word, <size_t>(n + 2)) == 0:
            return True
    return False


cdef int put_figures(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    # Another number of the same length; letters in it become others.
    cdef unsigned char[16] tag
    cdef unsigned char[16] stream
    cdef Py_ssize_t i
    cdef Py_ssize_t used = 0
    prf_folded(&spec.key, p, n, tag)
    for i in range(n):
        if not (is_digit(p[i]) or is_letter(p[i]) or p[i] >= 0x80):
            put_byte(out, p[i])
            continue
        if used % 16 == 0:
            prf_stream(&spec.key, tag, <int>(used // 16), stream)
        if is_digit(p[i]):
            put_byte(out, <unsigned char>((49 + stream[used % 16] % 9) if used == 0 else (48 + stream[used % 16] % 10)))
        else:
            put_byte(out, <unsigned char>(97 + stream[used % 16] % 26) if p[i] < 0x80 else c'x')
        used += 1
    return 0


cdef int put_place(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = 0
    cdef Py_ssize_t end
    cdef Py_ssize_t size
    cdef Py_ssize_t i
    cdef int parts = 0
    cdef bint figures
    while n > 0 and p[n - 1] == c' ':
        n -= 1
    while start < n and p[start] == c' ':
        start += 1
    if start == n:
        return 0
    outbuf_reserve(out, n + MOST_PARTS * (SLOT + 2))
    if spec.style == S_CITY:
        put_word(spec, &cities, 0, p + start, n - start, out)
        return 1
    while start < n and parts < MOST_PARTS:
        end = start
        while end < n and p[end] != c' ' and p[end] != c'\n' and p[end] != c'\t' and p[end] != c'\r':
            end += 1
        size = end - start
        while size and (p[start + size - 1] == c',' or p[start + size - 1] == c';'):
            size -= 1
        figures = False
        for i in range(size):
            figures = figures or is_digit(p[start + i])
        if parts and size:
            put_byte(out, c' ')
        if figures:
            put_figures(spec, p + start, size, out)
        elif is_kind(p + start, size):
            outbuf_reserve(out, size)
            for i in range(size):
                put_byte(out, p[start + i])
        elif size:
            outbuf_reserve(out, SLOT)
            put_word(spec, &streets, 0, p + start, size, out)
        if size < end - start:
            put_byte(out, c',')
        parts += 1
        start = end
        while start < n and (p[start] == c' ' or p[start] == c'\n' or p[start] == c'\t' or p[start] == c'\r'):
            start += 1
    return 1
