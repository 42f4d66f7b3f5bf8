"""Pairs of questions, with and without the same answer, to measure the semantic cache on.

Written by hand. `TUNING` is what the guard may be made better on. `FIRST` was written before the
guard and measured once: its one false hit (before and after) showed a mistake of the guard, which
was mended, so that what it gives since then is no measure any more. `SECOND` was written after that
mend and before anything was measured on it, with pairs that such a guard is likely to miss; nothing
was changed because of it. Half of each are paraphrases, which one answer serves; the other half are
hard negatives: they sound alike, and one answer serves one of them only.
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

FIRST: Final = [
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

SECOND: Final = [
    Pair("How do I add a second credit card?", "Can I store another credit card? How?", True),
    Pair("What is machine learning?", "Explain what machine learning is", True),
    Pair("How do I connect my calendar?", "How can I link a calendar to my account?", True),
    Pair("What is the tallest building in Dubai?", "Which building in Dubai is the tallest?", True),
    Pair("How many days are in a leap year?", "A leap year has how many days?", True),
    Pair("Where is my parcel?", "Can you tell me where my parcel is?", True),
    Pair("How do I center a div in CSS?", "What is the way to center a div with CSS?", True),
    Pair("What are the symptoms of flu?", "Which symptoms does the flu have?", True),
    Pair("How do I stop the auto-renewal?", "I don't want to renew automatically, what now?", True),
    Pair("Is breakfast included?", "Does the price include breakfast?", True),
    Pair("How old is the universe?", "What is the age of the universe?", True),
    Pair("Who invented the telephone?", "Who was the inventor of the telephone?", True),
    Pair("Do I have to tip in Japan?", "Is tipping expected in Japan?", True),
    Pair("How do I rename a column in pandas?", "Rename a pandas column - how?", True),
    Pair("What does 'ephemeral' mean?", "Please give me the meaning of 'ephemeral'", True),
    Pair("Can I bring my dog?", "Are dogs allowed?", True),
    Pair("How do I verify my identity?", "What do I need to do to verify my identity?", True),
    Pair("What is the square root of 144?", "Square root of 144?", True),
    Pair("When was the Eiffel Tower built?", "In which year was the Eiffel Tower built?", True),
    Pair("How long can I keep the car?", "For how long may I keep the car?", True),
    Pair("What's included in the Pro plan?", "What does the Pro plan include?", True),
    Pair("How do I print to PDF?", "How can I print something as a PDF?", True),
    Pair("What is the weather like in Oslo?", "How is the weather in Oslo?", True),
    Pair("How do I file a complaint?", "Where can I complain?", True),
    Pair("Which browsers do you support?", "What browsers are supported?", True),
    Pair("How do I lower my electricity bill?", "Ways to save on my electricity bill", True),
    Pair("What is a mutex?", "Could you explain what a mutex is?", True),
    Pair("Who is the author of Dune?", "Who wrote Dune?", True),
    Pair("Is my data encrypted?", "Do you encrypt my data?", True),
    Pair("How do I get to the airport?", "What is the best way to the airport?", True),
    Pair("How do I add a second credit card?", "How do I replace my credit card?", False),
    Pair("What is the tallest building in Dubai?", "What is the oldest building in Dubai?", False),
    Pair("Is breakfast included?", "Is breakfast included for children under six?", False),
    Pair("Can I bring my dog?", "Can I bring my dog on the plane?", False),
    Pair("What is the boiling point of water?", "What is the boiling point of salt water?", False),
    Pair("How do I delete a file in git?", "How do I delete a file from git history?", False),
    Pair("Who won the match?", "Who lost the match?", False),
    Pair("How do I print to PDF?", "How do I print from a PDF?", False),
    Pair("What does the doctor recommend?", "What does the doctor advise against?", False),
    Pair("Which stocks rose the most today?", "Which stocks rose the least today?", False),
    Pair("My son hit his teacher. What now?", "His teacher hit my son. What now?", False),
    Pair("Is it legal to record a call in Texas?", "Is it legal to record a call in Ohio?", False),
    Pair("is paris bigger than rome", "is rome bigger than paris", False),
    Pair("price of a ticket to berlin", "price of a ticket to munich", False),
    Pair("How do I make a page private?", "How do I make a page visible to everyone?", False),
    Pair("Send the report to Kim, not to Lee", "Send the report to Lee, not to Kim", False),
    Pair("All invoices over 500 euros", "All invoices up to 500 euros", False),
    Pair("Tests that only Anna passed", "Tests that Anna only just passed", False),
    Pair("What is the salary of a nurse?", "What is the starting salary of a nurse?", False),
    Pair("Can employees work from abroad?", "Can contractors work from abroad?", False),
    Pair("How do I raise a ticket?", "How do I raise the priority of a ticket?", False),
    Pair("Is 5 mg too much for her?", "Is 5 mg enough for her?", False),
    Pair("What should I do before surgery?", "What should I do after the surgery?", False),
    Pair("Which of the two is cheaper to run?", "Which of the two is cheaper to buy?", False),
    Pair("List files modified since Friday", "List files not touched since Friday", False),
    Pair("How do I apply for a tourist visa?", "How do I apply for a student visa?", False),
    Pair("Why is my bill so high?", "Why is my bill so low this month?", False),
    Pair("Does the EU allow this additive?", "Does the US allow this additive?", False),
    Pair("Draft a reply that accepts the offer", "Draft a reply that turns the offer down", False),
    Pair("How many calories are in an egg?", "How many calories are in an egg white?", False),
]
