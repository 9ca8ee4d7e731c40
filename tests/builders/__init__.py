"""Records for tests: comparisons that the program scores on small made-up SAEs, and single records as literals."""

from tests.builders.comparison import make_bundle
from tests.builders.degree import make_degree
from tests.builders.intervention import make_intervention
from tests.builders.saes import CREATED_AT, make_sae_record
from tests.builders.text import VOCABULARY

__all__ = ["CREATED_AT", "VOCABULARY", "make_bundle", "make_degree", "make_intervention", "make_sae_record"]
