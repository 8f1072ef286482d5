"""What the schema of ELAN documents asks, in plain terms, with the schema itself where it and lxml are there."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

ORDER = (
    *("LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE", "CONSTRAINT"),
    *("CONTROLLED_VOCABULARY", "LEXICON_REF", "REF_LINK_SET", "EXTERNAL_REF"),
)
ATTRIBUTES = {  # needed, allowed besides
    "MEDIA_DESCRIPTOR": ("MEDIA_URL MIME_TYPE", "RELATIVE_MEDIA_URL TIME_ORIGIN EXTRACTED_FROM"),
    "PROPERTY": ("", "NAME"),
    "TIME_SLOT": ("TIME_SLOT_ID", "TIME_VALUE"),
    "TIER": ("TIER_ID LINGUISTIC_TYPE_REF", "PARTICIPANT ANNOTATOR DEFAULT_LOCALE PARENT_REF EXT_REF LANG_REF"),
    "ANNOTATION": ("", ""),
    "ALIGNABLE_ANNOTATION": ("ANNOTATION_ID TIME_SLOT_REF1 TIME_SLOT_REF2", "SVG_REF EXT_REF LANG_REF CVE_REF"),
    "REF_ANNOTATION": ("ANNOTATION_ID ANNOTATION_REF", "PREVIOUS_ANNOTATION EXT_REF LANG_REF CVE_REF"),
    "ANNOTATION_VALUE": ("", ""),
    "LINGUISTIC_TYPE": (
        "LINGUISTIC_TYPE_ID",
        "TIME_ALIGNABLE CONSTRAINTS GRAPHIC_REFERENCES CONTROLLED_VOCABULARY_REF EXT_REF LEXICON_REF",
    ),
    "LANGUAGE": ("LANG_ID", "LANG_DEF LANG_LABEL"),
    "CONSTRAINT": ("STEREOTYPE", "DESCRIPTION"),
    "CONTROLLED_VOCABULARY": ("CV_ID", "EXT_REF"),
    "CV_ENTRY_ML": ("CVE_ID", "EXT_REF"),
    "CVE_VALUE": ("LANG_REF", "DESCRIPTION"),
}
CHILDREN = {
    "HEADER": ("MEDIA_DESCRIPTOR", "LINKED_FILE_DESCRIPTOR", "PROPERTY"),
    "TIME_ORDER": ("TIME_SLOT",),
    "TIER": ("ANNOTATION",),
    "CONTROLLED_VOCABULARY": ("DESCRIPTION", "CV_ENTRY_ML"),
    "CV_ENTRY_ML": ("CVE_VALUE",),
}
IDS = ("TIME_SLOT_ID", "ANNOTATION_ID", "LANG_ID", "LANGUAGE_CODE", "STEREOTYPE", "EXT_REF_ID", "LEX_REF_ID")


def check_document(path: Path) -> ElementTree.Element:
    """Assert that a file of version 3.0 keeps to the rules, and to those of ELAN that the schema cannot say."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert {"DATE", "AUTHOR", "VERSION"} <= set(root.attrib)
    ranks = [ORDER.index(child.tag) for child in root]
    assert ranks == sorted(ranks)
    assert [c.tag for c in root].count("HEADER") == [c.tag for c in root].count("TIME_ORDER") == 1
    for element in root.iter():
        if element.tag in ATTRIBUTES:
            needed, allowed = (set(names.split()) for names in ATTRIBUTES[element.tag])
            assert needed <= set(element.attrib) <= needed | allowed, element.tag
        if element.tag in CHILDREN:
            places = [CHILDREN[element.tag].index(child.tag) for child in element]
            assert places == sorted(places), element.tag
    _check_references(root)
    _check_tiers(root)
    _check_schema(path)
    return root


def _check_references(root: ElementTree.Element) -> None:
    ids = [e.get(name) for e in root.iter() for name in IDS if name in e.attrib]
    assert len(ids) == len(set(ids))

    def names(tag: str, attribute: str) -> list[str]:
        found = [e.get(attribute) for e in root.iter(tag)]
        assert len(found) == len(set(found)), tag
        return found

    for (tag, attribute), target in {
        ("TIER", "PARENT_REF"): names("TIER", "TIER_ID"),
        ("TIER", "LINGUISTIC_TYPE_REF"): names("LINGUISTIC_TYPE", "LINGUISTIC_TYPE_ID"),
        ("LINGUISTIC_TYPE", "CONTROLLED_VOCABULARY_REF"): names("CONTROLLED_VOCABULARY", "CV_ID"),
        ("LINGUISTIC_TYPE", "CONSTRAINTS"): names("CONSTRAINT", "STEREOTYPE"),
        ("CVE_VALUE", "LANG_REF"): names("LANGUAGE", "LANG_ID"),
        ("ALIGNABLE_ANNOTATION", "TIME_SLOT_REF1"): names("TIME_SLOT", "TIME_SLOT_ID"),
        ("ALIGNABLE_ANNOTATION", "TIME_SLOT_REF2"): names("TIME_SLOT", "TIME_SLOT_ID"),
        ("REF_ANNOTATION", "ANNOTATION_REF"): [e.get("ANNOTATION_ID") for e in root.iter()],
    }.items():
        for element in root.iter(tag):
            assert element.get(attribute) is None or element.get(attribute) in target, (tag, attribute)


def _check_tiers(root: ElementTree.Element) -> None:
    times = {s.get("TIME_SLOT_ID"): s.get("TIME_VALUE") for s in root.iter("TIME_SLOT")}
    whole = [int(t) for t in times.values() if t is not None]
    assert whole == sorted(whole)
    assert all(0 <= t < 2**32 for t in whole)
    types = {t.get("LINGUISTIC_TYPE_ID"): t for t in root.iter("LINGUISTIC_TYPE")}
    vocabularies = {v.get("CV_ID"): entries(v) for v in root.iter("CONTROLLED_VOCABULARY")}
    tiers = {t.get("TIER_ID"): t for t in root.iter("TIER")}
    for tier in tiers.values():
        kind = types[tier.get("LINGUISTIC_TYPE_REF")]
        assert (kind.get("CONSTRAINTS") is not None) == (tier.get("PARENT_REF") is not None)
        spans = []
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            start, end = (times[annotation.get(f"TIME_SLOT_REF{i}")] for i in (1, 2))
            if start is not None and end is not None:
                spans.append((int(start), int(end)))
                assert spans[-1][0] < spans[-1][1]
        spans.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(spans)), tier.get("TIER_ID")
        if kind.get("CONSTRAINTS") == "Symbolic_Association":
            parents = [a.get("ANNOTATION_REF") for a in tier.iter("REF_ANNOTATION")]
            assert len(parents) == len(set(parents))
            above = {e.get("ANNOTATION_ID") for e in tiers[tier.get("PARENT_REF")].iter()}
            assert set(parents) <= above
        for element in tier.iter():
            if "CVE_REF" in element.attrib:
                held = vocabularies[kind.get("CONTROLLED_VOCABULARY_REF")]
                assert held[element.get("CVE_REF")] == (element.findtext("ANNOTATION_VALUE") or "")


def entries(vocabulary: ElementTree.Element) -> dict[str, str]:
    """Id to text of a controlled vocabulary's entries; no text appears twice."""
    found = {e.get("CVE_ID"): e.findtext("CVE_VALUE") or "" for e in vocabulary.iter("CV_ENTRY_ML")}
    assert len(found) == len(set(found.values())) == len(list(vocabulary.iter("CV_ENTRY_ML")))
    return found


def _check_schema(path: Path) -> None:
    try:
        from lxml import etree
    except ImportError:
        return
    for folder in Path(__file__).resolve().parents:
        if (schema := folder / "shared" / "schemas" / "EAFv3.0.xsd").is_file():
            checker = etree.XMLSchema(etree.parse(schema))
            checker.assertValid(etree.parse(path))
            return


def schema_is_there() -> None:
    """Skip a test where the schema cannot be asked."""
    pytest.importorskip("lxml")
    if not any((f / "shared/schemas/EAFv3.0.xsd").is_file() for f in Path(__file__).resolve().parents):
        pytest.skip("no EAFv3.0.xsd in a folder 'shared/schemas' above")
