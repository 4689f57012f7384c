"""Who the demo's brands are, what people say about them, and what happened to them: invented, and fixed.

Between them they have all of the input contract: counts and shares, with centroids and without. Their characters
differ, so that each rule has something to show: an airline that bursts often, a quiet supplier, a mood that fell
without more being said, and one whose trouble begins while somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Theme:
    """What people say about a brand.

    Attributes:
        topic: its topic, and its name within the brand.
        labels: how workers call it, the usual one first.
        mood: mean sentiment, from -1 to 1.
        told: what a worker says of it in a sentence.
        texts: what people wrote.
        weight: its share of what is usually said, beside the others'; 0: it is only said in events.
        since_h: hours before the demo's start since when it is said, more and more for a few hours; None: always.
        until_h: hours before the start when people leave it again. None: they do not.
    """

    topic: str
    labels: tuple[str, ...]
    mood: float
    told: str
    texts: tuple[str, ...]
    weight: float = 1.0
    since_h: float | None = None
    until_h: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that made people talk.

    Attributes:
        topic: the theme that they talked about.
        ago_h: hours before the demo's start when it began.
        hours: how long it took.
        excess: at its height, in times of what is usually said; with *instead*, the share of it.
        instead: whether it was said instead of something else, so that the volume stayed.
    """

    topic: str
    ago_h: float
    hours: float
    excess: float
    instead: bool = False


@dataclass(frozen=True, slots=True)
class DemoBrand:
    """A brand of the demo.

    Attributes:
        name: under which it is registered.
        per_hour: mentions in an average hour.
        shares: whether its worker tells sentiment in shares, and examples of mentions; else in counts.
        centroids: whether its clusters have some.
        swing: how much the day differs from the night, 0 to 1.
        weekend: how much is said on Saturdays and Sundays, in times of a working day.
        scatter: how much a quarter of an hour differs from the next beyond that.
        themes: what people say.
        events: what happened.
    """

    name: str
    per_hour: float
    shares: bool
    centroids: bool
    themes: tuple[Theme, ...]
    events: tuple[Event, ...] = ()
    swing: float = 0.5
    weekend: float = 1.0
    scatter: float = 0.08

    def theme(self, topic: str) -> Theme:
        """The theme of that name."""
        return next(theme for theme in self.themes if theme.topic == topic)


_COFFEE: Final = DemoBrand(
    "Aurora Coffee",
    per_hour=3_600,
    shares=False,
    centroids=True,
    swing=0.7,
    weekend=0.8,
    themes=(
        Theme(
            "winter blend",
            ("Winter blend launch", "Launch of the winter blend", "New winter blend"),
            0.7,
            "The winter blend is liked: dark, not bitter.",
            (
                "The winter blend tastes like a cabin in the snow",
                "Finally a dark roast that is not bitter",
                "Bought two bags of the winter blend, one for my mother",
            ),
            weight=1.2,
            since_h=40,
        ),
        Theme(
            "service",
            ("Slow service in the morning", "Morning service is slow", "Waiting for service"),
            -0.5,
            "People wait long in the morning and order elsewhere.",
            (
                "Twenty minutes for a flat white, really?",
                "Order ahead was not ready again",
                "One barista for the whole station, poor soul",
            ),
        ),
        Theme(
            "oat milk",
            ("Oat milk surcharge", "Extra charge for oat milk"),
            -0.7,
            "Oat milk costs extra, and people call it unfair.",
            (
                "Why is oat milk still extra",
                "The surcharge is a tax on being kind to cows",
                "Sixty cents more for oats. Sixty.",
            ),
            weight=0.5,
        ),
        Theme(
            "app",
            ("Rewards in the app", "New rewards in the app"),
            0.3,
            "The new stamps in the app are welcome.",
            (
                "Got a free cup from the app today",
                "The new stamps screen is neat",
                "App crashed, barista stamped it anyway",
            ),
        ),
        Theme(
            "cinnamon buns",
            ("Cinnamon buns praised", "Praise for cinnamon buns"),
            0.8,
            "The cinnamon buns sell out before ten.",
            ("Cinnamon bun first, coffee second", "They were sold out at 9:40. Again."),
            weight=0.7,
        ),
    ),
    events=(Event("oat milk", ago_h=5 * 24 + 3, hours=5, excess=3.5),),
)

_BIKES: Final = DemoBrand(
    "Nimbus Bikes",
    per_hour=2_400,
    shares=True,
    centroids=False,
    weekend=1.3,
    themes=(
        Theme(
            "battery recall",
            ("Battery recall announced", "Battery recall of the N2"),
            -0.85,
            "The N2's battery is recalled after a fire; owners ask what to do with theirs.",
            (
                "My N2 battery is on the recall list and the hotline just rings",
                "Do not charge it indoors, they say. Where else?",
                "A recall is fine. Finding out from the news is not.",
                "Took the battery to the balcony in the rain. Great evening.",
            ),
            weight=0,
        ),
        Theme(
            "range",
            ("Battery range complaints", "Complaints about battery range"),
            -0.5,
            "Range falls in the cold, riders say by half.",
            ("Range halves below five degrees", "Needed a tow home, display said 30 percent"),
        ),
        Theme(
            "commute",
            ("City commute praise", "Praise for the city commute"),
            0.7,
            "Commuters are happy with the bike.",
            ("Sold the second car, the bike does it all", "Best commute I ever had", "Beat the bus by ten minutes"),
            weight=1.3,
        ),
        Theme(
            "delivery",
            ("Delivery delays", "Delays in delivery"),
            -0.4,
            "Orders are late, and dates move.",
            ("Third time they move the date", "Still waiting for my order from August"),
        ),
        Theme(
            "cargo model",
            ("Cargo model review", "Review of the cargo model"),
            0.5,
            "The cargo model is reviewed well.",
            ("Two kids, one dog, no problem", "Heavy, but it corners like a small one"),
            weight=0.8,
        ),
    ),
    events=(Event("delivery", ago_h=7 * 24 + 2, hours=3, excess=2.5),),
)

_AUDIO: Final = DemoBrand(
    "Kestrel Audio",
    per_hour=3_000,
    shares=False,
    centroids=False,
    swing=0.3,
    themes=(
        Theme(
            "noise cancelling",
            ("Noise cancelling praise", "Praise for noise cancelling"),
            0.8,
            "Travellers praise the silence.",
            ("The train is simply gone", "Babies on planes are no match for these"),
            weight=1.4,
        ),
        Theme(
            "firmware",
            ("Firmware update breaks pairing", "Firmware update broke pairing"),
            -0.85,
            "Since the update headphones pair with the wrong device.",
            (
                "Since the update they pair with my neighbour's TV",
                "Rolled back, works again",
                "Support says reset. I have reset eleven times.",
            ),
            weight=0.3,
        ),
        Theme(
            "microphone",
            ("Studio microphone review", "Review of the studio microphone"),
            0.5,
            "The new studio microphone is compared with the classic and wins.",
            ("Warm, quiet, and under two hundred", "Compared it to the classic, kept this one"),
        ),
        Theme(
            "spare parts",
            ("Spare parts for old models", "Old models get spare parts"),
            0.6,
            "Ear pads for ten-year-old models are back.",
            ("New pads for my 2014 pair. In a world like this!", "They still repair them. That is why I buy them."),
            weight=0.8,
            since_h=30,
        ),
    ),
    events=(
        Event("firmware", ago_h=7, hours=4.5, excess=0.75, instead=True),
        Event("microphone", ago_h=6 * 24, hours=4, excess=2.5),
    ),
)

_ENERGY: Final = DemoBrand(
    "Lumen Energy",
    per_hour=240,
    shares=True,
    centroids=True,
    swing=0.6,
    weekend=0.6,
    themes=(
        Theme(
            "tariff",
            ("Night tariff explained", "The night tariff explained"),
            0.1,
            "People compare the night tariff with their old one.",
            ("Washing at two in the morning now", "Does the night begin at ten or at eleven?"),
            since_h=20,
            weight=1.5,
        ),
        Theme(
            "bills",
            ("Bills that estimate", "Estimated bills"),
            -0.6,
            "Estimated bills are too high.",
            ("They estimated that I own a bakery", "Sent a photo of the meter, got the estimate again"),
        ),
        Theme(
            "outage",
            ("Short outage in the north", "Outage in the north"),
            -0.4,
            "A short outage in the north is talked about.",
            ("Dark for ten minutes, we played cards", "All clocks blink again"),
            weight=0.4,
            until_h=9,
        ),
        Theme(
            "solar panels",
            ("Roofs with solar panels", "Solar panels pay"),
            0.6,
            "Owners of solar roofs post their best days.",
            ("Sold more than I used, in November", "The roof paid for the fridge this month"),
        ),
    ),
)

_AIR: Final = DemoBrand(
    "Halcyon Air",
    per_hour=6_000,
    shares=False,
    centroids=True,
    swing=0.4,
    scatter=0.25,
    themes=(
        Theme(
            "cabin crew",
            ("Cabin crew praised", "Praise for the cabin crew"),
            0.8,
            "Crews are thanked by name.",
            ("The crew found my daughter's bear. At midnight.", "Best tea at eleven thousand metres"),
        ),
        Theme(
            "baggage",
            ("Baggage arrives late", "Late baggage"),
            -0.6,
            "Bags arrive a day after their owners.",
            ("My bag saw more of Europe than I did", "Day three in the same shirt"),
        ),
        Theme(
            "storm",
            ("Storm grounds flights", "Flights grounded by the storm"),
            -0.5,
            "A storm keeps aircraft on the ground; people sleep at the gate.",
            (
                "Gate 14 has become a small town, we have elected a mayor",
                "Rebooked for the third time, storm still wins",
                "Honestly glad nobody flies in this",
            ),
            weight=0.1,
        ),
        Theme(
            "seats",
            ("New seats", "The new seats"),
            -0.1,
            "Opinions on the new seats are divided.",
            ("Thin as a promise", "More room for knees, less for sleep"),
        ),
        Theme(
            "fares",
            ("Winter fares", "Fares in winter"),
            0.5,
            "Low fares in winter are shared.",
            ("Lisbon for less than my train ticket", "Booked before I asked for the days off"),
            since_h=26,
        ),
    ),
    events=(
        Event("storm", ago_h=3 * 24 + 5, hours=9, excess=3),
        Event("baggage", ago_h=8 * 24, hours=2, excess=0.8),
        Event("seats", ago_h=6 * 24 + 7, hours=2, excess=0.8),
        Event("fares", ago_h=26, hours=3, excess=0.7),
    ),
)

BRANDS: Final = (_BIKES, _COFFEE, _AIR, _AUDIO, _ENERGY)

BREAKING: Final = (_BIKES, "battery recall")
"""The brand, and the theme, of which nobody has spoken before the demo runs."""
