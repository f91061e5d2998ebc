#!/usr/bin/env python3
"""Counts the tests of the JUnit files in a folder: `N passed, M failed, K skipped` as the last line.

A GoogleTest program is one test for CTest; here its own tests count, so that a skip inside it is seen.
Exit status 1 when a test failed, an expected file is missing, or nothing passed.
"""
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

GTEST_LINE = re.compile(r"^\[  (PASSED  |FAILED  |SKIPPED )\] (\d+) tests?[.,]", re.M)


def of_case(case: ET.Element) -> tuple[int, int, int]:
    bad = case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail"
    inner = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
    for word, number in GTEST_LINE.findall(case.findtext("system-out") or ""):
        inner[word.strip()] += int(number)
    if any(inner.values()):
        # A program can also fail outside its tests: another rank, a crash at the end.
        return inner["PASSED"], max(inner["FAILED"], int(bad)), inner["SKIPPED"]
    skipped = case.find("skipped") is not None
    return int(not bad and not skipped), int(bad), int(skipped and not bad)


def main(folder: Path) -> int:
    total = [0, 0, 0]
    missing = False
    for name in ("ctest", "pytest", "slurm"):
        file = folder / f"{name}.xml"
        if not file.exists():
            print(f"{name}: wrote no report")
            missing = True
            continue
        counts = [sum(column) for column in zip(*map(of_case, ET.parse(file).iter("testcase")))] or [0, 0, 0]
        print("{}: {} passed, {} failed, {} skipped".format(name, *counts))
        total = [a + b for a, b in zip(total, counts)]
    print("{} passed, {} failed, {} skipped".format(*total))
    return int(missing or total[1] > 0 or total[0] == 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
