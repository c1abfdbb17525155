"""A wrong address, certificate or installation is a sentence."""

import socket

import pytest

from compare.cli import main
from compare.cluster import connecting
from compare.cluster.connecting import ClusterError, checked_address, connect
from compare.cluster.worker import serve

pytest.importorskip("distributed", reason="Dask's distributed is not installed")


def test_addresses():
    good = {
        ("tcp://127.0.0.1:8786", False): "tcp://127.0.0.1:8786",
        ("head:8786", False): "tcp://head:8786",
        ("head:8786", True): "tls://head:8786",
        ("tls://[::1]:8786", True): "tls://[::1]:8786",
    }
    for (address, encrypted), expected in good.items():
        assert checked_address(address, encrypted=encrypted) == expected
    for address in ("", "head", "head:", ":8786", "head:0", "head:99999", "head:port", "tcp//h:1"):
        with pytest.raises(ClusterError, match="expected a scheduler such as tcp://"):
            checked_address(address, encrypted=False)
    for address in ("http://head:8786", "ucx://head:8786", "tcp://head:8786/status"):
        with pytest.raises(ClusterError, match="expected a scheduler such as tcp://"):
            checked_address(address, encrypted=False)
    with pytest.raises(ClusterError, match=r"without --dask-tls.* expected tcp://head:1"):
        checked_address("tls://head:1", encrypted=False)
    with pytest.raises(ClusterError, match=r"with --dask-tls.* expected tls://head:1"):
        checked_address("tcp://head:1", encrypted=True)


@pytest.mark.parametrize("begin", [connect, serve])
def test_nobody_and_somebody_else_at_an_address(begin, monkeypatch):
    monkeypatch.setattr(connecting, "ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        taken = silent.getsockname()[1]
        with pytest.raises(ClusterError, match=f"answers at tcp://127.0.0.1:{taken} "):
            begin(f"tcp://127.0.0.1:{taken}")
    with pytest.raises(ClusterError, match=r"s \(.*\)\. Start one with dask scheduler"):
        begin(f"tcp://127.0.0.1:{taken}")


def test_files_of_tls_that_are_missing_or_no_certificates(tmp_path):
    with pytest.raises(ClusterError, match=r"--dask-tls: .*cert.pem is no file; expected a cert"):
        connect("tls://127.0.0.1:1", [tmp_path / name for name in ("cert.pem", "key", "ca")])
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tls://127"):
        connect("tls://127.0.0.1:1", [tmp_path / "cert.pem"] * 3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--dask", "head"], "head arrived; expected a scheduler such as tcp://127.0.0.1:8786"),
        (["--dask-tls", "a", "b", "c"], "--dask-tls encrypts the connections of --dask"),
    ],
)
def test_the_command_line_ends_before_it_writes(options, text, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--quick", "--out", str(tmp_path / "out"), *options])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for begin in (connect, serve):
        with pytest.raises(ClusterError, match=r"pip install 'gradscale\[dask\]'"):
            begin("tcp://127.0.0.1:8786")
