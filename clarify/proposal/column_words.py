"""What names of columns and words for outcomes suggest, in a dozen languages."""

from __future__ import annotations

import re
import unicodedata


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The words are matched as whole parts of a name: 'age' is no part of 'mortgage' or 'wage'.
FACET_WORDS: dict[str, str] = {
    "sex or gender": "sex gender geschlecht sexe genre sexo genero sesso genere geslacht kjonn plec pohlavi cinsiyet"
    " kelamin female male woman women пол 性别 性別",
    "age or birth": "age ages alter edad idade leeftijd alder wiek vek yas возраст 年龄 年齢 dob birthdate birthday"
    " birth birthyear yob geburtsdatum geburtstag naissance nacimiento nascimento ageband agegroup",
    "race or ethnicity": "race racial ethnic ethnicity ethnie ethnicite etnia raza raca etnicidad etnicidade hautfarbe"
    " skin caste tribe tribal hispanic 民族",
    "nationality or origin": "nationality nationalitat staatsangehorigkeit nationalite nacionalidad nacionalidade"
    " nazionalita citizenship citizen national foreign foreigner auslander extranjero etranger native immigrant"
    " immigration migrant migration birthplace herkunft",
    "religion or belief": "religion religious religione religiao konfession glaube faith belief 宗教",
    "marital or family status": "marital married marriage familienstand spouse divorced civil relationship pregnant"
    " pregnancy maternity parental",
    "disability": "disability disabled handicap handicapped behinderung discapacidad deficiencia impairment",
    "sexual orientation": "orientation lgbt lgbtq transgender",
    "language": "language sprache langue idioma tongue",
    "service or politics": "veteran military political politics",
}
FACET_PAIRS = {("personal", "status"): "marital or family status"}

# A label column is often literally called 'target': scikit-learn's own tables call it so.
LABEL_WORDS = _words(
    "label labels target class classes outcome result decision approved approval accepted default defaulted churn"
    " churned survived diagnosis hired admitted granted recid recidivism readmitted fraud truth klasse ziel"
    " zielvariable etiqueta clase cible objetivo alvo"
)
LABEL_NAMES = frozenset(("y", "credit_risk", "loan_status", "income_class", "y_true", "ground_truth"))

# Outcomes that people hope to be spared: 'yes' is not the positive value of 'defaulted'.
ADVERSE_WORDS = _words(
    "default defaulted churn churned fraud recid recidivism readmitted rejected denied died death diagnosis bad"
)

PREDICTION_WORDS = _words("predicted prediction predictions pred preds yhat forecast")
PREDICTION_NAMES = frozenset(("y_hat", "y_pred", "score", "probability", "proba", "logit"))

IDENTIFIER_WORDS = _words("id ids uuid guid identifier identifiant kennung rowid index unnamed ssn")

POSITIVE_WORDS = _words(
    "yes y true t 1 positive pos approved approve accepted accept granted grant good pass passed success successful"
    " hired admitted eligible paid won survived ja oui si sim"
)
NEGATIVE_WORDS = _words(
    "no n false f 0 -1 negative neg denied deny declined rejected reject refused bad fail failed failure unsuccessful"
    " ineligible unpaid lost died nein non nao"
)

MISSING_WORDS = frozenset(("?", "na", "n/a", "nan", "null", "none", "nil", "missing", "unknown", ""))


def words_of(name: str) -> tuple[str, ...]:
    """The parts of a name, without accents and case.

    >>> words_of("maritalStatus"), words_of("income-per-year"), words_of("Género")
    (('marital', 'status'), ('income', 'per', 'year'), ('genero',))
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", " ", bare)
    return tuple(word for word in re.split(r"[\W_]+", spaced.casefold()) if word)


def facet_kind(name: str) -> tuple[str, str] | None:
    """What a facet's name speaks of, and the word that says so; None when it says nothing."""
    words = words_of(name)
    for kind, listed in _WORD_SETS.items():
        for word in words:
            if word in listed:
                return kind, word
    for pair, kind in FACET_PAIRS.items():
        if set(pair) <= set(words):
            return kind, " ".join(pair)
    return None


def label_word(name: str) -> str | None:
    """The word in a name that labels are often called by."""
    return _spoken(name, LABEL_WORDS, LABEL_NAMES)


def prediction_word(name: str) -> str | None:
    """The word in a name that predictions are often called by."""
    return _spoken(name, PREDICTION_WORDS, PREDICTION_NAMES)


def identifier_word(name: str) -> str | None:
    """The word in a name that identifiers are often called by."""
    return _spoken(name, IDENTIFIER_WORDS, frozenset())


def adverse_word(name: str) -> str | None:
    """The word in a label's name that speaks of an outcome people hope to be spared."""
    return _spoken(name, ADVERSE_WORDS, frozenset())


def outcome_word(value: object) -> int:
    """1 for a word that says a good outcome, -1 for one that says the contrary, 0 for any other."""
    text = str(value).strip().casefold().rstrip(".")
    if text in NEGATIVE_WORDS or text.startswith(("not ", "no ", "non-", "non ", "not_", "no_")):
        return -1
    return 1 if text in POSITIVE_WORDS else 0


def _spoken(name: str, words: frozenset[str], names: frozenset[str]) -> str | None:
    parts = words_of(name)
    whole = "_".join(parts)
    return whole if whole in names else next((word for word in parts if word in words), None)


_WORD_SETS = {kind: frozenset(words_of(listed)) for kind, listed in FACET_WORDS.items()}
