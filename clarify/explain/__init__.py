"""Why a prediction is what it is: attributions from matrices and a function, without datasets or endpoints."""
