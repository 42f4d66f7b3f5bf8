"""Pairs of questions, with and without the same answer, to measure the semantic cache on.

Written by hand before its guard was. `TUNING` is what the guard may be made better on; `HELD_OUT`
is measured and reported, and nothing is changed because of it. Half of each are paraphrases, which
one answer serves; the other half are hard negatives: they sound alike, and one answer serves one
of them only.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Pair(NamedTuple):
    """Two questions.

    Attributes:
        one: a question that was asked before.
        other: a question that is asked now.
        same: whether the answer to one serves the other.
    """

    one: str
    other: str
    same: bool


TUNING: Final = [
    Pair("How do I reset my password?", "I forgot my password, how can I set a new one?", True),
    Pair("What is the capital of Australia?", "Which city is Australia's capital?", True),
    Pair("How long does shipping take?", "When will my order arrive after I place it?", True),
    Pair("Explain recursion to a beginner.", "Can you explain what recursion is, simply?", True),
    Pair("How do I cancel my subscription?", "I want to end my subscription. How?", True),
    Pair("What causes inflation?", "Why do prices rise across an economy?", True),
    Pair("Do you ship to Canada?", "Is delivery to Canada possible?", True),
    Pair("How can I contact support?", "What is the way to reach customer service?", True),
    Pair("What's the boiling point of water?", "At what temperature does water boil?", True),
    Pair("How do I read a file in Python?", "Show me how to open and read a file in Python", True),
    Pair("Who wrote Hamlet?", "Hamlet was written by whom?", True),
    Pair("Give me tips for a job interview", "How should I prepare for a job interview?", True),
    Pair("Is the API rate limited?", "Are there rate limits on the API?", True),
    Pair("How tall is Mount Everest?", "What is the height of Mount Everest?", True),
    Pair("Where can I see my invoices?", "Where do I find my past invoices?", True),
    Pair("What is the capital of Australia?", "What is the capital of Austria?", False),
    Pair("How do I enable two-factor login?", "How do I disable two-factor login?", False),
    Pair("Convert 100 euros to dollars", "Convert 100 dollars to euros", False),
    Pair("Flights from Paris to Rome tomorrow", "Flights from Rome to Paris tomorrow", False),
    Pair("Can I take ibuprofen with alcohol?", "Can I take ibuprofen without alcohol?", False),
    Pair("What is 15% of 240?", "What is 15% of 420?", False),
    Pair("Summarise the first chapter", "Summarise the last chapter", False),
    Pair("Which foods are high in iron?", "Which foods are not high in iron?", False),
    Pair("How do I upgrade to Python 3.12?", "How do I upgrade to Python 3.13?", False),
    Pair("When did World War I end?", "When did World War II end?", False),
    Pair("Is this plant safe for cats?", "Is this plant safe for dogs?", False),
    Pair("Sort the list in ascending order", "Sort the list in descending order", False),
    Pair("How many users can I add?", "How many users can I remove?", False),
    Pair("Who is the CEO of Apple?", "Who was the first CEO of Apple?", False),
    Pair("What is the refund period?", "What is the trial period?", False),
]

HELD_OUT: Final = [
    Pair("How do I change my email address?", "Where can I update the email on my account?", True),
    Pair("What is photosynthesis?", "Explain how photosynthesis works", True),
    Pair("How do I merge two branches in git?", "What git command merges branches?", True),
    Pair("Is there a student discount?", "Do students get a discount?", True),
    Pair(
        "How far is the Moon from Earth?", "What's the distance between Earth and the Moon?", True
    ),
    Pair(
        "Translate 'good morning' into Spanish", "How do you say 'good morning' in Spanish?", True
    ),
    Pair("How do I delete my account?", "I would like my account removed, what do I do?", True),
    Pair("What does HTTP 404 mean?", "Meaning of a 404 HTTP status", True),
    Pair("How do vaccines work?", "Explain the mechanism of vaccines", True),
    Pair("Can I pay by bank transfer?", "Do you accept bank transfers as payment?", True),
    Pair("What is the population of Japan?", "How many people live in Japan?", True),
    Pair("How do I undo my last commit?", "I need to revert the last commit, how?", True),
    Pair("What are your opening hours?", "When are you open?", True),
    Pair("Who painted the Mona Lisa?", "Which artist painted the Mona Lisa?", True),
    Pair("How do I export my data as CSV?", "Exporting data to CSV - how does it work?", True),
    Pair("What is compound interest?", "Explain compound interest to me please", True),
    Pair("Why is the sky blue?", "What makes the sky look blue?", True),
    Pair("Do I need a visa for Vietnam?", "Is a visa required to enter Vietnam?", True),
    Pair("How can I speed up my website?", "My website is slow. How do I make it faster?", True),
    Pair("What's the warranty on the X200?", "How long is the X200 under warranty?", True),
    Pair("How do I invite a colleague?", "Steps to add a teammate to my workspace", True),
    Pair("What is the speed of light?", "How fast does light travel?", True),
    Pair("Can I return a gift?", "Is it possible to send back a gift I received?", True),
    Pair("Remove duplicates from a list in Python", "How to dedupe a Python list?", True),
    Pair("What is the deadline for taxes in 2026?", "By when are 2026 taxes due?", True),
    Pair("How do I turn off notifications?", "Please tell me how to mute notifications", True),
    Pair("My card was declined, why?", "Why did you decline my card?", True),
    Pair("What is the largest ocean?", "Which ocean is the biggest?", True),
    Pair("How do I bake sourdough bread?", "Recipe for sourdough bread", True),
    Pair("Which plan includes SSO?", "On what plan do I get SSO?", True),
    Pair("How do I change my email address?", "How do I change my postal address?", False),
    Pair("What is the population of Japan?", "What is the population of Jordan?", False),
    Pair("How do I lock my card?", "How do I unlock my card?", False),
    Pair("Transfer $50 from savings to checking", "Transfer $50 from checking to savings", False),
    Pair("Is aspirin safe during pregnancy?", "Is aspirin unsafe during pregnancy?", False),
    Pair("What does HTTP 404 mean?", "What does HTTP 403 mean?", False),
    Pair("Do I need a visa for Vietnam?", "Don't I need a visa for Vietnam?", True),
    Pair("What is the warranty on the X200?", "What is the warranty on the X300?", False),
    Pair("Show orders placed before Monday", "Show orders placed after Monday", False),
    Pair("How do I import contacts?", "How do I export contacts?", False),
    Pair("Who scored for Brazil against Spain?", "Who scored for Spain against Brazil?", False),
    Pair("What is the minimum age to drive?", "What is the maximum age to drive?", False),
    Pair("List customers who have paid", "List customers who have not paid", False),
    Pair("How much is the monthly plan?", "How much is the yearly plan?", False),
    Pair("Is the museum open on Sunday?", "Is the museum open on Saturday?", False),
    Pair("Convert 30 celsius to fahrenheit", "Convert 30 fahrenheit to celsius", False),
    Pair("Can my landlord evict me?", "Can I evict my tenant?", False),
    Pair("What are the benefits of coffee?", "What are the risks of coffee?", False),
    Pair("How do I freeze rows in Excel?", "How do I freeze columns in Excel?", False),
    Pair("Is Anna older than Ben?", "Is Ben older than Anna?", False),
    Pair("Which meals contain nuts?", "Which meals contain no nuts?", False),
    Pair("How do I install Docker on Ubuntu?", "How do I install Docker on Windows?", False),
    Pair("When does the summer term start?", "When does the summer term end?", False),
    Pair("Dose of paracetamol for an adult", "Dose of paracetamol for a child", False),
    Pair("Add 2 cups of flour", "Add 3 cups of flour", False),
    Pair("Why did revenue rise in May?", "Why did revenue fall in May?", False),
    Pair("What did the plaintiff claim?", "What did the defendant claim?", False),
    Pair("Book a table for two at seven", "Book a table for seven at two", False),
    Pair("Is the API free for startups?", "Is the API free for universities?", False),
    Pair("How do I become a seller?", "How do I become a buyer?", False),
    Pair("Explain the pros of remote work", "Explain the cons of remote work", False),
    Pair("Who reports to Maria?", "Who does Maria report to?", False),
]
"""As written before the guard; the paraphrase that says `n't` counts as one."""
