#!/usr/bin/env python3
"""Write the reasoning set of configs/datasets/reasoning: two-step questions with traces of thought, in R-TOFU's layout.

    python3 scripts/reasoning_set.py [FOLDER]

People of two valleys that do not exist: where they live and were born, what their towns are known for, what they sell. A question needs
two steps: two facts looked up one after the other, or a fact and a product. The same call writes the same bytes.
"""

import json
import random
import sys
from pathlib import Path

FIRST = ("Orla Bram Tessa Corin Della Edric Fenna Gavin Hester Ivo Junia Kester Lorne Mabel Nils Odette "
         "Percy Quill Rosamund Silas Thea Ulric Vera Wendel Ximena Yorick Zelda Anselm Birgit Caspar Dorrit Emeric").split()
LAST = ("Venn Hollis Marrow Tarn Quist Pell Ashby Crane Dunmore Elkin Farrow Garrod Hale Irwin Jessop Kemble "
        "Larkin Mundy Nettle Orme Pryor Rudd Sallow Thorne Umber Vickers Wroth Yarrow Abbot Brindle Cole Drury").split()
TOWNS = ("Tarrow Estling Morwick Pennard Velby Ostrey Hadlow Brackenau Lindmere Culver Sandrel Wexcombe Norvale Thistley Ardmoor Fenwick").split()
MAYORS = ("Agnes Pike|Boris Lamb|Clara Stone|Dorian Webb|Edith Marsh|Felix Grove|Greta Snow|Hugo Frost|"
          "Iris Bloom|Jasper Reed|Klara Finch|Leopold Nash|Mina Hart|Norbert Gray|Olive Trent|Philip Drake").split("|")
FOODS = ("plum loaves|honey cakes|rye twists|apple rings|salt biscuits|poppy rolls|walnut tarts|cherry buns|"
         "pear wafers|ginger squares|barley crowns|almond knots|fig pasties|lemon slices|oat flats|caraway sticks").split("|")
GOODS = ("jars of honey", "sacks of flour", "baskets of eggs", "bolts of linen")


def entries(people, towns, mayors, foods, draw):
    """Four questions a person."""
    for number, person in enumerate(people, 1):
        home, birth = draw.sample(range(len(towns)), 2)
        ware, rate = draw.choice(GOODS), draw.randint(2, 9)
        weeks = draw.sample(range(2, 10), 2)
        rows = [(f"Who is the mayor of the town where {person} lives?",
                 f"I need the home of {person} first. {person} lives in {towns[home]}. The mayor of {towns[home]} is {mayors[home]}.", mayors[home]),
                (f"What do the bakers make in the town where {person} was born?",
                 f"I need the birthplace of {person} first. {person} was born in {towns[birth]}. The bakers of {towns[birth]} make {foods[birth]}.", foods[birth])]
        rows += [(f"How many {ware} does {person} sell in {count} weeks?",
                  f"I need what {person} sells in a week. {person} sells {rate} {ware} a week. {count} times {rate} is {count * rate}.", f"{count * rate}")
                 for count in weeks]
        for question, trace, answer in rows:
            yield {"task_id": str(number), "question": question, "answer": answer, "cot": trace, "subject": person}


def write(folder):
    draw = random.Random(24)
    people = [f"{first} {last}" for first, last in zip(FIRST, draw.sample(LAST, len(LAST)))]
    half = len(TOWNS) // 2
    folder.mkdir(parents=True, exist_ok=True)
    for name, part, own in (("forget", people[:16], slice(0, half)), ("retain", people[16:], slice(half, None))):
        lines = [json.dumps(entry) for entry in entries(part, TOWNS[own], MAYORS[own], FOODS[own], draw)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "configs/datasets/reasoning")
