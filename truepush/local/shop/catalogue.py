from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tea:
    slug: str
    name: str
    kind: str
    price: str
    short: str
    story: str
    brew: str


TEAS = (
    Tea(
        "morning-assam",
        "Morning Assam",
        "Black tea, second flush",
        "€ 8.90 / 100 g",
        "Malt, dried fig and enough backbone for milk.",
        "Picked in June on the south bank of the Brahmaputra, when the leaves carry golden tips. It wakes up "
        "slowly, then stays with you until lunch.",
        "3 g, 250 ml at 98 °C, four minutes",
    ),
    Tea(
        "jasmine-pearls",
        "Jasmine Pearls",
        "Green tea, scented by hand",
        "€ 14.50 / 100 g",
        "Rolled in spring, scented six nights with fresh blossom.",
        "Young leaves are rolled into pearls and laid between jasmine flowers at dusk, when they open. The "
        "flowers are taken out again each morning; only their scent stays.",
        "2 g, 200 ml at 80 °C, two minutes, three times over",
    ),
    Tea(
        "smoked-keemun",
        "Smoked Keemun",
        "Black tea, over pine",
        "€ 11.20 / 100 g",
        "Campfire at first, cocoa at the end.",
        "Keemun leaves dried over slow pine embers. Friends of peated whisky find their tea here; all others "
        "find it in the second cup.",
        "3 g, 250 ml at 95 °C, three minutes",
    ),
    Tea(
        "mint-verbena",
        "Mint & Verbena",
        "Herbs, no caffeine",
        "€ 6.40 / 60 g",
        "Cool, lemony, and good until midnight.",
        "Garden mint from the slopes above the bay with lemon verbena from a neighbour's wall. Cut in the "
        "morning, dried in the shade, never crushed.",
        "A good pinch, 300 ml at 100 °C, seven minutes",
    ),
)
