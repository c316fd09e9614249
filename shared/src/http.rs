//! The set-up of every HTTP client of a function: its TLS configuration and timeouts.
//!
//! The root certificates are Mozilla's, compiled in: the system's would be read and parsed at every cold
//! start, for each client.

use reqwest::ClientBuilder;
use rustls::{ClientConfig, RootCertStore};
use std::sync::LazyLock;
use std::time::Duration;

/// Idle connections are closed after this time: after a longer pause of the function, the other end has
/// closed them.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Created once: clients share it, with the TLS sessions that they may resume.
static TLS_CONFIG: LazyLock<ClientConfig> =
    LazyLock::new(|| tls_config(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }));

/// The builder of every client. It follows no redirect: none of our services has a reason to send one.
pub(crate) fn client() -> ClientBuilder {
    client_with(TLS_CONFIG.clone())
}

fn client_with(trust: ClientConfig) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(trust)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
}

fn tls_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::ServerConfig;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::error::Error as _;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// A TLS server with a self-signed certificate of this name; its port.
    async fn server(name: &str) -> (u16, CertificateDer<'static>) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let certificate = cert.der().clone();
        let config = ServerConfig::builder().with_no_client_auth();
        let acceptor =
            TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.clone()], key).unwrap()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        });
        (port, certificate)
    }

    /// The response, or the whole chain of what went wrong.
    async fn get(client: ClientBuilder, port: u16) -> Result<u16, String> {
        let response = client.build().unwrap().get(format!("https://localhost:{port}/")).send().await;
        response.map(|response| response.status().as_u16()).map_err(|error| {
            let mut texts = Vec::new();
            let mut source = error.source();
            while let Some(error) = source {
                texts.push(error.to_string());
                source = error.source();
            }
            texts.join(": ")
        })
    }

    fn client_that_trusts(certificate: CertificateDer<'static>) -> ClientBuilder {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        client_with(tls_config(roots))
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_is_refused() {
        let (port, certificate) = server("localhost").await;
        let error = get(client(), port).await.unwrap_err();
        assert!(error.contains("UnknownIssuer"), "{error}");
        assert_eq!(get(client_that_trusts(certificate), port).await, Ok(204), "the server is sound");
    }

    #[tokio::test]
    async fn somebody_elses_certificate_is_refused() {
        let (port, certificate) = server("another.example").await;
        let error = get(client_that_trusts(certificate), port).await.unwrap_err();
        assert!(error.contains("not valid for name"), "{error}");
    }

    #[test]
    fn the_roots_that_sign_for_aws_are_among_them() {
        let amazon = b"Amazon Root CA 1";
        let is_there = webpki_roots::TLS_SERVER_ROOTS
            .iter()
            .any(|root| root.subject.as_ref().windows(amazon.len()).any(|part| part == amazon));
        assert!(is_there);
    }
}
