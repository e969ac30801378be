"""RunSettings: where things run, refused with the name of the option."""

import pickle

import pytest

from clarify.config.settings import RunSettings
from clarify.errors import ConfigError


def test_the_defaults_ask_for_nothing():
    settings = RunSettings()

    assert (settings.engine, settings.csv_header, settings.max_local_bytes) == ("auto", "guess", 64 * 2**30)


def test_settings_survive_the_way_to_another_process():
    settings = RunSettings(output_uri="s3://bucket/out", engine="spark", spark_conf=(("spark.ui.enabled", "false"),))

    assert pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "ray"}, r"--engine: received 'ray'  \[RUN-VALUE\]\n  allowed: auto or local or spark"),
        ({"csv_header": "yes"}, r"--csv-header: received 'yes'  \[RUN-VALUE\]\n  allowed: present or absent or guess"),
        ({"workers": 0}, r"--workers: received 0  \[RUN-VALUE\]\n  allowed: a whole number from 1 to 1,024"),
        ({"server_processes": True}, r"--server-processes: received True  \[RUN-VALUE\]"),
        ({"max_local_bytes": -1}, r"--max-local-bytes: received -1  \[RUN-VALUE\]"),
        ({"output_uri": " "}, r"--output: received ' '  \[RUN-VALUE\]"),
        ({"endpoint": "file:///etc/passwd"}, r"--endpoint: received 'file:///etc/passwd'  \[RUN-VALUE\]"),
        ({"endpoint": "http://"}, r"--endpoint: received 'http://'  \[RUN-VALUE\]"),
        ({"endpoint": "http://host:port/"}, r"--endpoint: received 'http://host:port/'  \[RUN-VALUE\]"),
        ({"endpoint": "http://h/", "model": "models:/m/1"}, r"--endpoint: received beside --model  \[RUN-CON"),
        ({"endpoint": "http://h/", "in_process_model": True}, r"--in-process-model: received beside --endpoint"),
        ({"engine": "local", "spark_master": "local[2]"}, r"--engine: received local, beside Spark options"),
        ({"spark_conf": (("master", "x"),)}, r"--spark-conf: received 'master'  \[RUN-VALUE\]"),
        ({"spark_conf": (("spark.a", "1"), ("spark.a", "2"))}, r"--spark-conf: received 'spark.a'  \[RUN-CONFLICT\]"),
    ],
)
def test_a_wrong_setting_is_told_under_the_name_of_its_option(changes, message):
    with pytest.raises(ConfigError, match=message):
        RunSettings(**{"output_uri": "out", **changes})


def test_all_wrong_settings_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        RunSettings(output_uri="", engine="ray", workers=-2)

    assert [problem.field for problem in caught.value.problems] == ["--engine", "--workers", "--output"]


def test_a_password_is_refused_and_not_repeated():
    with pytest.raises(ConfigError) as caught:
        RunSettings(output_uri="out", tracking_uri="https://me:hunter2@host/")

    assert caught.value.problems[0].code == "RUN-SECRET"
    assert "hunter2" not in str(caught.value)


def test_spark_settings_are_not_printed():
    settings = RunSettings(output_uri="out", spark_conf=(("spark.hadoop.fs.s3a.secret.key", "hunter2"),))

    assert "hunter2" not in repr(settings)
