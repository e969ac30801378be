import os

import httpx


def test_moto(moto_server):
    import fsspec
    b = moto_server.create_bucket()
    fs = fsspec.filesystem("s3"); fs.pipe(f"{b}/x.txt", b"hi"); assert fs.cat(f"{b}/x.txt") == b"hi"
def test_prefect(prefect_api):
    from prefect import flow
    @flow
    def f(): return 3
    assert f() == 3
    runs = httpx.post(f"{prefect_api}/flow_runs/filter", json={}).json()
    assert len(runs) == 1 and os.environ["PREFECT_API_URL"] == prefect_api
def test_mlflow(mlflow_server, tmp_path):
    import mlflow
    c = mlflow.MlflowClient(mlflow_server)
    e = c.create_experiment("x"); r = c.create_run(e); c.log_metric(r.info.run_id, "m", 1.0); c.log_text(r.info.run_id, "t", "a/b.txt")
    assert c.list_artifacts(r.info.run_id)[0].path == "a"; assert r.info.artifact_uri.startswith("mlflow-artifacts:")
def test_spark(spark_session):
    assert spark_session.range(100).count() == 100
def test_wait():
    import time
    if os.environ.get("HANG"): open(os.environ["HANG"],"w").write("x"); time.sleep(100)
