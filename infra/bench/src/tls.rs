//! TLS in front of the fakes, for the cold path. The functions trust Mozilla's roots, which are compiled in, and have no way to trust
//! another one: that would be a way around TLS in what goes to AWS. So the benchmark measures copies of the functions in which one
//! root's public key is replaced by its own, and nothing else.

use crate::counts::Counts;
use anyhow::{Context as _, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P384_SHA384, PublicKeyData as _,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, TrustAnchor};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The root whose key is replaced. Its name is short, and its key is of a kind that is made here, so that it has the same length.
const REPLACED: &str = "ISRG Root X2";
const REPLACED_BY: &str = "Internet Security Research Group";
/// The tag and length before the content of a public key of this kind; a trust anchor has the content only.
const HEADER: usize = 2;

/// A certificate authority that stands for the replaced root, and a server's certificate for `localhost`.
pub(crate) struct Authority {
    public_key: Vec<u8>,
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// A new one.
    pub(crate) fn new() -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
        let public_key = key.subject_public_key_info().get(HEADER..).context("no public key")?.to_vec();
        let mut name = DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "US"),
            (DnType::OrganizationName, REPLACED_BY),
            (DnType::CommonName, REPLACED),
        ] {
            name.push(kind, DnValue::PrintableString(value.try_into()?));
        }
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name = name;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(authority, key);
        let server_key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(["localhost".to_owned()])?.signed_by(&server_key, &issuer)?;
        let secret = PrivateKeyDer::try_from(server_key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], secret)?;
        Ok(Self { public_key, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Copies a function, so that the copy trusts this authority.
    pub(crate) fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let bytes = std::fs::read(from).with_context(|| format!("{} is not built", from.display()))?;
        let bytes = replaced(&bytes, &replaced_root()?.subject_public_key_info, &self.public_key)?;
        // A copy that still runs cannot be written, but replaced.
        let new = to.with_extension("new");
        std::fs::write(&new, bytes)?;
        std::fs::set_permissions(&new, std::fs::metadata(from)?.permissions())?;
        Ok(std::fs::rename(new, to)?)
    }

    /// Listens for TLS on `localhost`, counts each handshake, and passes what arrives on to `to`; the port.
    pub(crate) async fn listen(&self, to: SocketAddr, handshakes: Counts) -> Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, handshakes) = (acceptor.clone(), handshakes.clone());
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let (Ok(mut client), Ok(mut server)) =
                        (acceptor.accept(stream).await, TcpStream::connect(to).await)
                    else {
                        return;
                    };
                    let _ = server.set_nodelay(true);
                    handshakes.add("handshake", 1);
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Ok(port)
    }
}

fn replaced_root() -> Result<&'static TrustAnchor<'static>> {
    let mut roots = webpki_roots::TLS_SERVER_ROOTS.iter();
    let is_it = |root: &&TrustAnchor<'_>| {
        let subject: &[u8] = root.subject.as_ref();
        subject.windows(REPLACED.len()).any(|part| part == REPLACED.as_bytes())
    };
    roots.find(is_it).with_context(|| format!("{REPLACED} is not among Mozilla's roots any more"))
}

/// The bytes with each `old` replaced by `new`; there must be one at least.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>> {
    ensure!(old.len() == new.len(), "the keys have {} and {} bytes", old.len(), new.len());
    let mut out = bytes.to_vec();
    let starts: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, part)| *part == old)
        .map(|(start, _)| start)
        .collect();
    ensure!(!starts.is_empty(), "the key of {REPLACED} is not in the file");
    for start in starts {
        let part = out.get_mut(start..start.saturating_add(old.len())).context("no such part")?;
        part.copy_from_slice(new);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsConnector;

    /// The response of an echo behind TLS to a client with these roots.
    async fn echoed(authority: &Authority, roots: Vec<TrustAnchor<'static>>) -> Result<Vec<u8>> {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let to = echo.local_addr()?;
        tokio::spawn(async move {
            let (mut stream, _) = echo.accept().await.unwrap();
            let mut bytes = [0; 2];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        let port = authority.listen(to, Counts::default()).await?;
        let config =
            ClientConfig::builder().with_root_certificates(RootCertStore { roots }).with_no_client_auth();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
        stream.write_all(b"hi").await?;
        let mut bytes = vec![0; 2];
        stream.read_exact(&mut bytes).await?;
        Ok(bytes)
    }

    /// What the copies do, without a copy: the root has its own name and the authority's key.
    #[tokio::test]
    async fn a_root_with_the_replaced_key_trusts_the_benchmark_and_the_real_one_does_not() {
        let authority = Authority::new().unwrap();
        let real = replaced_root().unwrap();
        let key: &[u8] = real.subject_public_key_info.as_ref();
        let patched = replaced(key, key, &authority.public_key).unwrap();
        let patched = TrustAnchor { subject_public_key_info: patched.into(), ..real.clone() };
        assert_eq!(echoed(&authority, vec![patched]).await.unwrap(), b"hi");
        let error = echoed(&authority, webpki_roots::TLS_SERVER_ROOTS.to_vec()).await.unwrap_err();
        assert!(error.to_string().contains("BadSignature"), "{error}");
    }

    #[test]
    fn only_the_key_is_replaced_and_it_must_be_there() {
        assert_eq!(replaced(b"a-key-b-key", b"key", b"new").unwrap(), b"a-new-b-new");
        assert!(replaced(b"nothing", b"key", b"new").is_err());
        assert!(replaced(b"a-key", b"key", b"longer").is_err());
    }
}
