# SPDX-License-Identifier: Apache-2.0
"""Mail leaves by SMTP and into files; a server that is down, slow or refuses is lived with, and nobody waits for it."""

import base64
import contextlib
import email
import email.policy
import json
import os
import pathlib
import re
import socket
import ssl
import stat
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVE = pathlib.Path(os.environ.get("TENON_BIN") or ROOT / "build/src/cli/tenon").resolve().parents[2] / "test/svc/mailer_drive"
SCALE = float(os.environ.get("TENON_TIME_SCALE", "1"))
FROM = "Märkte <no-reply@example.org>"
TOKEN = "s3cr3t-token"


def wait_for(condition, timeout_s=10):
    end = time.monotonic() + timeout_s * SCALE
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


class SmtpServer:
    """A mail server of the test's own. `replies` says what it answers to a command instead of 250; `pause_s` how long it thinks
    before it takes a mail."""

    def __init__(self, *, tls=None, port=0, replies=None, pause_s=0.0, user=None, advertises_tls=True, is_implicit=False):
        self.tls, self.replies, self.pause_s, self.user = tls, dict(replies or {}), pause_s, user
        self.advertises_tls, self.is_implicit = advertises_tls, is_implicit
        self.mails, self.commands, self.connections = [], [], 0
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            self._talk(connection)

    def _talk(self, connection):
        is_tls, mail, has_user = False, {}, self.user is None
        if self.is_implicit:
            connection, is_tls = self.tls.wrap_socket(connection, server_side=True), True
        stream = connection.makefile("rwb")

        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        say("220 test")
        while line := stream.readline():
            text = line.decode().rstrip("\r\n")
            word = text.split(" ")[0].split(":")[0].upper()
            self.commands.append(text)
            if word in self.replies:
                say(self.replies[word])
            elif word == "EHLO":
                tls = ["STARTTLS"] if self.tls and self.advertises_tls and not is_tls else []
                auth = ["AUTH PLAIN"] if self.user else []
                lines = ["test", "8BITMIME", "SMTPUTF8", *tls, *auth]
                say("\r\n".join(f"250{'-' if at < len(lines) - 1 else ' '}{name}" for at, name in enumerate(lines)))
            elif word == "STARTTLS":
                say("220 go")
                connection = self.tls.wrap_socket(connection, server_side=True)
                stream, is_tls = connection.makefile("rwb"), True
            elif word == "AUTH":
                if " " not in text[5:]:
                    say("334 ")
                    text = "AUTH PLAIN " + stream.readline().decode().strip()
                given = base64.b64decode(text.split(" ")[2]).decode().split("\0")
                has_user = given[1:] == list(self.user)
                say("235 ok" if has_user else "535 no")
            elif word == "MAIL":
                mail = {"tls": is_tls, "user": has_user, "to": []}
                say("250 ok" if has_user else "530 sign in")
            elif word == "RCPT":
                mail["to"].append(text.split("<")[1].split(">")[0])
                say("250 ok")
            elif word == "DATA":
                say("354 go")
                lines = []
                while (data := stream.readline()) not in (b".\r\n", b""):
                    lines.append(data[1:] if data.startswith(b"..") else data)
                time.sleep(self.pause_s)
                mail["bytes"] = b"".join(lines)
                self.mails.append(mail)
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # else the thread that waits in accept() would take one more
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Drive:
    """The mailer under test, in a process of its own."""

    def __init__(self, url, directory, *, sender=FROM, ca="-", retry_ms=20, tries=5, queue=0, shutdown_ms=5000, timeout_ms=5000):
        arguments = [DRIVE, url, sender, ca, retry_ms, tries, queue, shutdown_ms, timeout_ms]
        self.log = open(directory / "log", "w+", encoding="utf-8")
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([str(a) for a in arguments], cwd=directory, stdin=pipe, stdout=pipe, stderr=self.log, text=True)

    def _ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def send(self, to="ada@example.org", subject="Hello", text=f"token={TOKEN}\n"):
        return self._ask("send " + " ".join(part.encode().hex() for part in (to, subject, text)))

    def figures(self):
        return dict(zip(("queued", "sent", "retried", "given_up"), map(int, self._ask("figures").split())))

    def wait(self, **wanted):
        wait_for(lambda: wanted.items() <= self.figures().items())

    def end(self):
        """How long it took, in seconds."""
        self.process.stdin.close()
        said = self.process.stdout.read()
        assert self.process.wait() == 0
        return int(said.split()[1]) / 1000

    def logs(self):
        return [json.loads(line) for line in self.log_text().splitlines()]

    def log_text(self):
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(60)
        self.log.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of localhost that only who is told of it trusts; its path, and a context that serves it."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=test",
         "-addext", "subjectAltName=DNS:localhost,IP:0.0.0.0", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


def parse(content):
    return email.message_from_bytes(content, policy=email.policy.default)


# Files


def test_each_mail_is_a_file_of_its_own_that_only_its_owner_reads(tmp_path):
    with Drive("file:out/mail", tmp_path) as drive:
        for i in range(3):
            assert drive.send(subject=f"Grüße {i} 🦊", text=f"Zeile {i}\n.\nEnde") == "OK"
        drive.wait(sent=3, queued=0)
        files = sorted((tmp_path / "out/mail").iterdir())
        assert [file.suffix for file in files] == [".eml"] * 3
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        mails = [parse(file.read_bytes()) for file in files]
    assert [mail["Subject"] for mail in mails] == ["Grüße 0 🦊", "Grüße 1 🦊", "Grüße 2 🦊"]
    assert mails[0]["From"] == FROM and mails[0]["To"] == "ada@example.org"
    assert mails[1].get_content().replace("\r\n", "\n") == "Zeile 1\n.\nEnde\n"
    assert abs(mails[0]["Date"].datetime.timestamp() - time.time()) < 60
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.org>", mails[0]["Message-ID"])


def test_a_folder_that_is_gone_is_tried_again(tmp_path):
    with Drive("file:mail", tmp_path, retry_ms=100) as drive:
        drive.figures()  # it has begun
        (tmp_path / "mail").rmdir()
        drive.send()
        wait_for(lambda: drive.figures()["retried"] >= 1)
        (tmp_path / "mail").mkdir()
        drive.wait(sent=1)


# SMTP


def test_a_server_on_this_machine_gets_mail_as_it_was_written(tmp_path):
    with SmtpServer() as server, Drive(f"smtp://127.0.0.1:{server.port}", tmp_path) as drive:
        assert drive.send(to="ada+x@example.org", subject="Résumé", text="naïve\n.\n..two\nhttps://example.org/?a=b\n") == "OK"
        drive.wait(sent=1)
        (mail,) = server.mails
    message = parse(mail["bytes"])
    assert mail["to"] == ["ada+x@example.org"] and message["Subject"] == "Résumé"
    assert message.get_content().replace("\r\n", "\n") == "naïve\n.\n..two\nhttps://example.org/?a=b\n"
    assert "EHLO example.org" in server.commands and "MAIL FROM:<no-reply@example.org>" in " ".join(server.commands)


def test_many_mails_share_a_connection(tmp_path):
    with SmtpServer() as server, Drive(f"smtp://127.0.0.1:{server.port}", tmp_path) as drive:
        for _ in range(20):
            drive.send()
        drive.wait(sent=20)
        assert server.connections == 1


@pytest.mark.parametrize("is_implicit", [False, True])
def test_tls_is_verified_and_the_password_stays_inside_it(tmp_path, certificate, is_implicit):
    path, context = certificate
    scheme = "smtps" if is_implicit else "smtp"
    with SmtpServer(tls=context, user=("ad@m", "p:a%s/s"), is_implicit=is_implicit) as server:
        # To "localhost" STARTTLS is not asked for. This address leads to the same place, and is not known to.
        host = "localhost" if is_implicit else "0.0.0.0"
        url = f"{scheme}://ad%40m:p%3Aa%25s%2Fs@{host}:{server.port}"
        with Drive(url, tmp_path, ca=path) as drive:
            drive.send()
            drive.wait(sent=1)
    assert [(mail["tls"], mail["user"]) for mail in server.mails] == [(True, True)]


def test_a_certificate_that_nobody_vouches_for_gets_no_mail_and_no_password(tmp_path, certificate):
    _, context = certificate
    with SmtpServer(tls=context, user=("u", "hunter22")) as server, Drive(f"smtp://u:hunter22@0.0.0.0:{server.port}", tmp_path, tries=1) as drive:
        drive.send()
        drive.wait(given_up=1)
        assert server.mails == [] and not any("AUTH" in command for command in server.commands)
        assert "hunter22" not in drive.log_text()


def test_a_server_without_starttls_gets_no_mail_and_no_password(tmp_path):
    with SmtpServer(user=("u", "hunter22")) as server, Drive(f"smtp://u:hunter22@0.0.0.0:{server.port}", tmp_path, tries=1) as drive:
        drive.send()
        drive.wait(given_up=1)
        assert server.mails == [] and not any("AUTH" in command for command in server.commands)


def test_tls_can_be_turned_off_by_whoever_says_so(tmp_path):
    with SmtpServer() as server, Drive(f"smtp://0.0.0.0:{server.port}?tls=off", tmp_path) as drive:
        drive.send()
        drive.wait(sent=1)


def test_a_server_that_was_down_gets_the_mail_when_it_is_up(tmp_path):
    with SmtpServer() as first:
        port = first.port
    with Drive(f"smtp://127.0.0.1:{port}", tmp_path, retry_ms=100, tries=6) as drive:
        drive.send()
        wait_for(lambda: drive.figures()["retried"] >= 2)
        with SmtpServer(port=port) as server:
            drive.wait(sent=1, given_up=0)
            assert len(server.mails) == 1


def test_a_mail_is_given_up_after_its_tries_with_longer_and_longer_waits(tmp_path):
    with SmtpServer(replies={"RCPT": "451 later"}) as server, Drive(f"smtp://127.0.0.1:{server.port}", tmp_path, retry_ms=10, tries=4) as drive:
        drive.send()
        drive.wait(given_up=1, queued=0)
        assert drive.figures()["retried"] == 3
        said = drive.logs()
        waits = [line["next_try_ms"] for line in said if line["message"] == "mail not sent yet"]
        assert [10 * 3**n <= wait <= 12 * 3**n for n, wait in enumerate(waits)] == [True] * 3
        assert said[-1]["message"] == "mail given up" and said[-1]["tries"] == 4 and said[-1]["reply"] == 451


def test_a_mail_that_is_refused_for_good_is_not_tried_again_and_the_next_one_goes(tmp_path):
    with SmtpServer(replies={"RCPT": "550 nobody here: ada@example.org"}) as server, Drive(f"smtp://127.0.0.1:{server.port}", tmp_path) as drive:
        drive.send()
        drive.wait(given_up=1)
        assert drive.figures()["retried"] == 0
        server.replies.clear()
        drive.send()
        drive.wait(sent=1)


def test_a_wrong_password_is_tried_again_for_it_may_be_set_right(tmp_path):
    with SmtpServer(user=("u", "right")) as server, Drive(f"smtp://u:wrong@127.0.0.1:{server.port}", tmp_path, tries=2) as drive:
        drive.send()
        drive.wait(given_up=1, retried=1)


def test_no_log_line_holds_a_text_an_address_or_a_password(tmp_path):
    with SmtpServer(user=("u", "hunter22"), replies={"MAIL": f"451 {TOKEN} hunter22 ada"}) as server:
        with Drive(f"smtp://u:hunter22@127.0.0.1:{server.port}", tmp_path, tries=2) as drive:
            drive.send()
            drive.wait(given_up=1)
            assert not re.search(rf"{TOKEN}|hunter22|ada|example", drive.log_text())


def test_nobody_waits_for_a_slow_server_and_a_full_queue_says_so(tmp_path):
    with SmtpServer(pause_s=0.3 * SCALE) as server, Drive(f"smtp://127.0.0.1:{server.port}", tmp_path, queue=4) as drive:
        began = time.monotonic()
        said = [drive.send() for _ in range(10)]
        assert time.monotonic() - began < 0.3 * SCALE
        assert said == ["OK"] * 4 + ["UNAVAILABLE"] * 6
        drive.wait(sent=4, queued=0)
        assert drive.send() == "OK"


def test_a_server_that_never_answers_is_left_at_the_timeout(tmp_path):
    with SmtpServer(pause_s=60) as server, Drive(f"smtp://127.0.0.1:{server.port}", tmp_path, timeout_ms=200, tries=1) as drive:
        drive.send()
        drive.wait(given_up=1)


# The end


def test_what_waits_is_tried_once_more_before_the_end(tmp_path):
    with SmtpServer() as first:
        port = first.port
    with Drive(f"smtp://127.0.0.1:{port}", tmp_path, retry_ms=3600_000) as drive:
        for _ in range(3):
            drive.send()
        drive.wait(retried=3, queued=3)
        with SmtpServer(port=port) as server:
            assert drive.end() < 5 * SCALE
            assert len(server.mails) == 3


def test_the_end_comes_in_time_with_a_slow_server_and_what_is_left_is_logged(tmp_path):
    with SmtpServer(pause_s=60) as server, Drive(f"smtp://127.0.0.1:{server.port}", tmp_path, shutdown_ms=300, timeout_ms=60000) as drive:
        for _ in range(3):
            drive.send()
        wait_for(lambda: "DATA" in server.commands)
        assert drive.end() < 3 * SCALE
        assert [line["message"] for line in drive.logs()].count("mail given up") == 3


# Mistakes


@pytest.mark.parametrize(
    "url, sender, sentence",
    [
        ("ftp://host/", FROM, "not a place that mail can go to"),
        ("", FROM, "not a place that mail can go to"),
        ("file:", FROM, "no folder"),
        ("smtp://", FROM, "no host"),
        ("smtp://user:pw@", FROM, "no host"),
        ("smtp://ho st", FROM, "no host"),
        ("smtp://host:0", FROM, "port"),
        ("smtp://host:65536", FROM, "port"),
        ("smtp://host:25x", FROM, "port"),
        ("smtp://host?tls=no", FROM, "what is behind the ?"),
        ("smtps://host?tls=off", FROM, "what is behind the ?"),
        ("smtp://u%zz:p@host", FROM, "percent-encoded"),
        ("smtp://u%00:p@host", FROM, "percent-encoded"),
        ("smtp://host", "Markets", "not an address to send from"),
        ("smtp://host", "a@b\nBcc: c@d", "not an address to send from"),
    ],
)
def test_a_mistake_is_told_without_the_secrets(tmp_path, url, sender, sentence):
    with Drive(url.replace("pw", "hunter22"), tmp_path, sender=sender) as drive:
        said = drive.process.stdout.read()
        assert drive.process.wait() == 1
    assert said.startswith("VALIDATION_ERROR: mail.") and sentence in said and "hunter22" not in said


@pytest.mark.parametrize("to, subject, text", [("ada", "s", "t"), ("a@b\r\nRCPT TO:<c@d>", "s", "t"), ("a@b.org", "s\r\nBcc: c@d", "t"), ("a@b.org", "s", "t\0"), ("a@b.org", "s", "x" * 65537)])
def test_what_no_mail_can_hold_is_refused(tmp_path, to, subject, text):
    with SmtpServer() as server, Drive(f"smtp://127.0.0.1:{server.port}", tmp_path) as drive:
        assert drive.send(to, subject, text) == "VALIDATION_ERROR"
        assert drive.figures()["queued"] == 0 and server.commands == []
