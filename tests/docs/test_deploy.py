"""The files in deploy/: they parse, and name what the server has."""

import json
import re

import pytest

from support.data import ROOT

yaml = pytest.importorskip("yaml", reason="pip install pyyaml")

DEPLOY = ROOT / "deploy"
YAML = sorted(DEPLOY.rglob("*.yaml")) + sorted(DEPLOY.rglob("*.yml"))
DOCKERFILES = [DEPLOY / "docker/Dockerfile.cpu", DEPLOY / "docker/Dockerfile.cuda"]
SUFFIXES = ("_total", "_bucket", "_sum", "_count")


def load(name):
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


@pytest.mark.parametrize("path", YAML, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_yaml_parses(path):
    assert yaml.safe_load(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def metrics():
    """Every name in the server's figures."""
    pytest.importorskip("prometheus_client", reason='pip install "voxport[serve]"')
    from voxport.serving.metrics import Metrics

    figures = Metrics()
    figures.count_request("/health", 200, 0.1)
    return set(re.findall(r"^(\w+)[{ ]", figures.render().decode(), re.MULTILINE))


def expressions():
    dashboard = load("grafana/dashboards/voxport.json")
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=panel["title"])
    for variable in dashboard["templating"]["list"]:
        yield pytest.param(variable["query"]["query"], id=variable["name"])
    for group in load("prometheus/rules.yml")["groups"]:
        for rule in group["rules"]:
            yield pytest.param(rule["expr"], id=rule["alert"])
    scaler = load("kubernetes/autoscaler.yaml")["spec"]["metrics"][0]
    yield pytest.param(scaler["pods"]["metric"]["name"], id="autoscaler")
    rule = load("kubernetes/prometheus-adapter-values.yaml")["rules"]["custom"][0]
    yield pytest.param(rule["seriesQuery"], id="adapter")


@pytest.mark.parametrize("expression", [*expressions()])
def test_figures_of_dashboard_rules_and_autoscaler_are_the_servers(expression, metrics):
    named = re.findall(r"\b(?:voxport|process)_\w+", expression)
    assert named or re.search(r"\bup\{", expression)
    assert set(named) <= metrics


def test_the_autoscalers_metric_is_the_adapters():
    scaler = load("kubernetes/autoscaler.yaml")["spec"]
    rule = load("kubernetes/prometheus-adapter-values.yaml")["rules"]["custom"][0]
    name = scaler["metrics"][0]["pods"]["metric"]["name"]
    assert rule["name"] == {"matches": f"^{name}$", "as": name}
    assert (
        scaler["scaleTargetRef"]["name"] == load("kubernetes/deployment.yaml")["metadata"]["name"]
    )


def test_a_dashboard_has_its_own_numbers_and_the_provisioned_source():
    dashboard = load("grafana/dashboards/voxport.json")
    source = load("grafana/provisioning/datasources/prometheus.yml")["datasources"][0]
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    compose = load("compose.yaml")["services"]
    folder = load("grafana/provisioning/dashboards/voxport.yml")["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{folder}:ro" in compose["grafana"]["volumes"]


def test_ports_and_paths_agree():
    pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
    from voxport.serving import openapi

    paths = openapi.document({"commands": "transcription"})["paths"]
    compose, pods = load("compose.yaml")["services"], load("kubernetes/deployment.yaml")["spec"]
    [container] = pods["template"]["spec"]["containers"]
    [port] = container["ports"]
    assert port["containerPort"] == 8000
    assert "--port=8000" in container["args"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in paths
        assert container[probe]["httpGet"]["port"] == port["name"]
    service = load("kubernetes/service.yaml")["spec"]
    assert service["ports"][0]["targetPort"] == port["name"]
    scrape = load("prometheus/prometheus.yml")["scrape_configs"][0]
    assert scrape["metrics_path"] in paths
    assert scrape["static_configs"][0]["targets"] == ["voxport:8000"]
    assert "voxport" in compose
    rules = load("kubernetes/network-policy.yaml")["spec"]["ingress"][0]
    assert rules["ports"] == [{"port": 8000, "protocol": "TCP"}]
    for path in DOCKERFILES:
        text = path.read_text("utf-8")
        assert "EXPOSE 8000" in text
        assert re.search(r"127\.0\.0\.1:8000(/\w+)", text)[1] in paths


@pytest.mark.parametrize("name", ["service", "disruption-budget", "network-policy"])
def test_selectors_find_the_pods(name):
    labels = load("kubernetes/deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    spec = load(f"kubernetes/{name}.yaml")["spec"]
    found = spec.get("podSelector", spec.get("selector"))
    assert found.get("matchLabels", found) == labels


def test_a_pod_has_the_time_to_answer_what_it_accepted():
    from voxport.serving.settings import Settings

    pod = load("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1]
    seconds = int(re.search(r"sleep\((\d+)\)", pause)[1])
    assert pod["terminationGracePeriodSeconds"] > Settings().stop_seconds + seconds
    grace = load("compose.yaml")["services"]["voxport"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > Settings().stop_seconds


def test_nothing_runs_as_root_or_writes_to_its_root():
    pod = load("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    own = pod["containers"][0]["securityContext"]
    assert own["readOnlyRootFilesystem"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    server = load("compose.yaml")["services"]["voxport"]
    assert server["read_only"]
    assert server["user"] == f"{pod['securityContext']['runAsUser']}:10001"
    for path in DOCKERFILES:
        assert "\nUSER 10001:10001\n" in path.read_text("utf-8")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_holds_no_torch(path):
    text = path.read_text("utf-8")
    extras = re.search(r'"\.\[([\w,]+)\]"', text)[1].split(",")
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read pyproject.toml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [one for extra in extras for one in project["optional-dependencies"][extra]]
    assert asked
    assert not [one for one in asked if re.match(r"torch|transformers", one)]
    assert {"serve", "media"} < set(extras)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_images_command_parses(path):
    import click
    import typer

    from voxport.cli import app

    lines = path.read_text("utf-8").splitlines()
    entry, given = (
        json.loads(next(line for line in lines if line.startswith(word)).removeprefix(word))
        for word in ("ENTRYPOINT ", "CMD ")
    )
    check_command([*entry[1:], *given], typer.main.get_command(app), click)
    pod = load("kubernetes/deployment.yaml")["spec"]["template"]["spec"]["containers"][0]
    check_command([*entry[1:], *pod["args"]], typer.main.get_command(app), click)


def check_command(words, group, click):
    command = group.get_command(click.Context(group), words[0])
    command.make_context(words[0], words[1:], resilient_parsing=False)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_the_context_holds_what_the_build_needs(path):
    ignore = path.with_name(f"{path.name}.dockerignore").read_text("utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert kept >= {"constraints.txt", "export", "LICENSES", "models", "pyproject.toml", "runtime"}
    assert all((ROOT / name).exists() for name in kept)


def test_the_proxies_have_the_servers_limits():
    from voxport.serving.settings import MEGABYTE, Settings

    settings, nginx = Settings(), (DEPLOY / "proxy/nginx.conf").read_text("utf-8")
    megabytes = settings.upload_bytes // MEGABYTE
    assert f"client_max_body_size {megabytes}m;" in nginx
    assert f"proxy_read_timeout {settings.answer_seconds:.0f}s;" in nginx
    assert f"client_body_timeout {settings.idle_seconds:.0f}s;" in nginx
