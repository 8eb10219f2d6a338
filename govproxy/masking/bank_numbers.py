"""Numbers by which banks are told: checks of one value each, by the issuers' published rules.

Used on samples in the control process; see ``masking.checks``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from govproxy.masking.vocabulary.context import words_in


def is_routing_number(text: str) -> bool:
    """United States, banks: nine digits, a Federal Reserve district first, weights 3, 7, 1."""
    if len(text) != 9 or not text.isascii() or not text.isdigit():
        return False
    district = int(text[:2])
    if not (1 <= district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80):
        return False
    return sum(int(sign) * weight for sign, weight in zip(text, (3, 7, 1) * 3, strict=True)) % 10 == 0


# ISO 3166-1, and XK as banks use it.
_COUNTRIES = words_in(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA
    GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS
    MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """
)


def is_bic(text: str) -> bool:
    """ISO 9362: four letters, a country, a place, perhaps a branch."""
    return re.fullmatch(r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9](?:XXX|[A-WYZ0-9][A-Z0-9]{2})?", text) is not None and (
        text[4:6] in _COUNTRIES
    )


BANKS: Mapping[str, Callable[[str], bool]] = MappingProxyType({"routing number": is_routing_number, "BIC": is_bic})
