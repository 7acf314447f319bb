"""A mail server that accepts, refuses or misbehaves as the recipient's local part says.

Every message it takes is one line of JSON in the log: envelope, data, and the connection it came
over. Everything else is aiosmtpd, so that what is tested is a dialogue with a server that other
people wrote.
"""

import argparse
import asyncio
import datetime
import ipaddress
import json
import pathlib
import socket
import ssl
import struct

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

AT_RCPT = {
    "reject": "550 5.1.1 <{address}>: no such user here",
    "greylist": "451 4.7.1 <{address}>: greylisted, try again later",
    "busy": "450 4.3.2 too busy to talk about {address}",
    "shut": "421 4.3.0 going down, {address}",
}


class Handler:
    def __init__(self, log):
        self.log = log

    async def handle_RCPT(self, server, session, envelope, address, options):
        if local_part(address) == "reject-in-latin-1":
            # Answers are text to aiosmtpd, and it writes them as UTF-8.
            server._writer.write("550-5.1.1 refusé\r\n".encode("latin-1"))
            return "550 5.1.1 refused"
        answer = AT_RCPT.get(local_part(address))
        if answer:
            return answer.format(address=address)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        wanted = {local_part(address) for address in envelope.rcpt_tos}
        if "reject-data" in wanted:
            return f"554 5.7.1 not from {envelope.mail_from} to {envelope.rcpt_tos[0]}"
        if "hang" in wanted:
            await asyncio.Event().wait()
        self.take(server, session, envelope)
        if "reset" in wanted:
            reset(server.transport)
            # The answer goes nowhere.
        return "250 2.0.0 OK"

    def take(self, server, session, envelope):
        line = json.dumps(
            {
                "connection": session.peer[1],
                "login": login_of(session),
                "tls": server.transport.get_extra_info("ssl_object") is not None,
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "smtputf8": envelope.smtp_utf8,
                "data": envelope.original_content.decode("utf-8"),
            }
        )
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(line + "\n")


def local_part(address):
    return address.rsplit("@", 1)[0]


def login_of(session):
    login = session.auth_data
    return login.login.decode() if isinstance(login, LoginPassword) else None


def reset(transport):
    """Ends the connection as a crash would: a reset instead of a goodbye."""
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


def authenticator(user, password):
    def check(server, session, envelope, mechanism, given):
        success = given == LoginPassword(user.encode(), password.encode())
        # Without "handled" aiosmtpd leaves the answer to us.
        return AuthResult(success=success, handled=False, auth_data=given if success else None)

    return check


def make_certificate(directory):
    """Writes ca.pem, and cert.pem with key.pem that it signed, for localhost and 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject, key, issuer, issuer_key, extensions):
        name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=7))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        signed = builder.sign(issuer_key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    is_authority = x509.BasicConstraints(ca=True, path_length=0)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    write = lambda name, data: (directory / name).write_bytes(data)
    ca = "Carillon test authority"
    write("ca.pem", certificate(ca, authority, ca, authority, [(is_authority, True)]))
    write("cert.pem", certificate("localhost", key, ca, authority, [(names, False)]))
    write(
        "key.pem",
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


async def serve(arguments):
    context = None
    if arguments.mode != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    is_starttls = arguments.mode == "starttls"
    needs_login = arguments.user is not None
    loop = asyncio.get_running_loop()

    def session():
        return SMTP(
            Handler(arguments.log),
            hostname="mail.example",
            enable_SMTPUTF8=True,
            tls_context=context if is_starttls else None,
            require_starttls=is_starttls,
            # Over implicit TLS it does not know that there is TLS.
            auth_require_tls=is_starttls,
            auth_required=needs_login,
            authenticator=authenticator(arguments.user, arguments.password) if needs_login else None,
            loop=loop,
        )

    implicit = context if arguments.mode == "implicit" else None
    server = await loop.create_server(session, "127.0.0.1", arguments.smtp, ssl=implicit)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smtp", type=int, required=True, metavar="PORT")
    parser.add_argument("--log", required=True, metavar="FILE")
    parser.add_argument("--mode", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--tls-cert", metavar="PEM")
    parser.add_argument("--tls-key", metavar="PEM")
    parser.add_argument("--make-cert", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--user")
    parser.add_argument("--password")
    arguments = parser.parse_args()
    if arguments.make_cert:
        make_certificate(arguments.make_cert)
        arguments.tls_cert = arguments.make_cert / "cert.pem"
        arguments.tls_key = arguments.make_cert / "key.pem"
    asyncio.run(serve(arguments))


main()
