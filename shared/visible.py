"""What nobody sees in a text, commands a terminal or turns writing around: which characters, and how to show them."""

from __future__ import annotations

import json
import re

CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # as it stands between the brackets of a pattern
# also there: soft hyphens, joiners, fillers, bidi marks, variation selectors and tags; Unicode's Default_Ignorable
INVISIBLE = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb" + f"{chr(0x1BCA0)}-{chr(0x1BCA3)}"
    f"{chr(0x1D173)}-{chr(0x1D17A)}{chr(0xE0000)}-{chr(0xE0FFF)}"
)
SIN_VERSE = re.compile(f"[{INVISIBLE}]")
_ESCONDIDO = re.compile(rf"(?!\t)[{CONTROL}{INVISIBLE}\ud800-\udfff]")


def a_la_vista(linea: str) -> str:
    r"""One line as a terminal may have it: all of that but tabs is written out as JSON does it, \u001b or \u202e."""
    return _ESCONDIDO.sub(lambda hallado: json.dumps(hallado[0])[1:-1], linea)
