//! A certificate that nobody should trust: self-signed, fresh, and for a name that is not the listener's.

use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{io, sync::Arc};

/// The name in the certificate.
pub const NAME: &str = "not-this-host.example.com";

/// How to serve with such a certificate.
pub fn config() -> io::Result<Arc<ServerConfig>> {
    let made =
        rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).map_err(io::Error::other)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .map_err(io::Error::other)?;
    Ok(Arc::new(config))
}
