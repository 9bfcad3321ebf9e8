//! TLS 1.3 with raw public keys: no certificates, no authorities, only keys the charter names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base::NodeId;
use log::Charter;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, ServerConfig,
    SignatureScheme,
};

use super::{Lines, Route};
use crate::error::Error;

/// This node's TLS key.
pub(crate) struct Identity(Arc<CertifiedKey>);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// From a PKCS #8 Ed25519 private key.
    pub(crate) fn from_pkcs8(key: &[u8], path: &std::path::Path) -> Result<Self, Error> {
        let refuse = |message: String| Error::Identity {
            what: "keys",
            path: path.to_owned(),
            message,
            hint: "name the file `tls.key` that was made with the node's other keys".to_owned(),
        };
        let key = aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(key.to_vec()))
            .map_err(|error| refuse(error.to_string()))?;
        let public = key
            .public_key()
            .ok_or_else(|| refuse("expected an Ed25519 key with its public half".to_owned()))?;
        let certificate = CertificateDer::from(public.as_ref().to_vec());
        Ok(Self(Arc::new(CertifiedKey::new(vec![certificate], key))))
    }

    /// SHA-256 of the key's `SubjectPublicKeyInfo`, as the charter names it.
    pub(crate) fn spki_sha256(&self) -> [u8; 32] {
        log::sha256(self.0.cert.first().expect("made with one raw key"))
    }
}

/// Which node has which TLS key, by SHA-256 of its `SubjectPublicKeyInfo`, and with whom this node
/// has a line; follows the charter in force.
#[derive(Debug, Default)]
pub(crate) struct Directory(RwLock<Listed>);

#[derive(Debug, Default)]
struct Listed {
    keys: BTreeMap<[u8; 32], NodeId>,
    routes: BTreeMap<NodeId, Route>,
}

impl Directory {
    /// From a charter.
    pub(crate) fn new(me: NodeId, charter: &Charter) -> Self {
        let directory = Self::default();
        directory.follow(me, charter);
        directory
    }

    /// Lists what this charter names, and nothing else.
    pub(crate) fn follow(&self, me: NodeId, charter: &Charter) {
        let keys = charter.nodes().map(|(id, record)| (record.tls_spki_sha256, id)).collect();
        let routes = crate::node::peers(me, charter);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Listed { keys, routes };
    }

    fn listed(&self) -> std::sync::RwLockReadGuard<'_, Listed> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line this node has to `peer`.
    pub(crate) fn route(&self, peer: NodeId) -> Option<Route> {
        self.listed().routes.get(&peer).cloned()
    }

    /// Every line of this node.
    pub(crate) fn routes(&self) -> BTreeMap<NodeId, Route> {
        self.listed().routes.clone()
    }

    /// The node whose key is in `spki`.
    pub(crate) fn node(&self, spki: &[u8]) -> Option<NodeId> {
        self.listed().keys.get(&log::sha256(spki)).copied()
    }
}

/// The key the dialling side has shown.
pub(super) fn peer_key(session: &rustls::ServerConnection) -> Option<&[u8]> {
    session.peer_certificates().and_then(<[_]>::first).map(AsRef::as_ref)
}

/// The name in the handshake says nothing: keys name nodes.
pub(super) fn server_name() -> ServerName<'static> {
    ServerName::try_from("watchfire.invalid").expect("a valid name")
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn alpn(realm: &str) -> Vec<Vec<u8>> {
    vec![format!("watchfire/1/{realm}").into_bytes()]
}

pub(super) fn acceptor(lines: &Lines) -> tokio_rustls::TlsAcceptor {
    tokio_rustls::TlsAcceptor::from(Arc::new(server(lines)))
}

/// How this node listens, over TCP and QUIC alike.
pub(super) fn server(lines: &Lines) -> ServerConfig {
    let resolver =
        rustls::server::AlwaysResolvesServerRawPublicKeys::new(Arc::clone(&lines.identity.0));
    let verifier = Verifier { directory: Arc::clone(&lines.directory), expect: None };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = alpn(&lines.realm);
    config
}

pub(super) fn connector(lines: &Lines, peer: NodeId) -> tokio_rustls::TlsConnector {
    tokio_rustls::TlsConnector::from(Arc::new(client(lines, peer)))
}

/// How this node dials `peer`, over TCP and QUIC alike.
pub(super) fn client(lines: &Lines, peer: NodeId) -> ClientConfig {
    let resolver =
        rustls::client::AlwaysResolvesClientRawPublicKeys::new(Arc::clone(&lines.identity.0));
    let verifier = Verifier { directory: Arc::clone(&lines.directory), expect: Some(peer) };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = alpn(&lines.realm);
    config.resumption = rustls::client::Resumption::disabled();
    config
}

/// Accepts the keys the charter names and no other.
#[derive(Debug)]
struct Verifier {
    directory: Arc<Directory>,
    /// Whom we dialled.
    expect: Option<NodeId>,
}

impl Verifier {
    fn check(&self, spki: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        match (self.directory.node(spki.as_ref()), self.expect) {
            (Some(_), None) => Ok(()),
            (Some(node), Some(expect)) if node == expect => Ok(()),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify(
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = SubjectPublicKeyInfoDer::from(spki.as_ref());
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signature, &algorithms)
    }
}

/// TLS 1.2 is never offered, so its verification can only be our own fault.
fn never_tls12() -> Result<HandshakeSignatureValid, rustls::Error> {
    Err(rustls::Error::General("TLS 1.2 is not spoken here".to_owned()))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        never_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::verify(message, spki, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        never_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::verify(message, spki, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
