//! Why a file or text holds no usable key, and what to do about it.

/// Why a text holds no usable key. Each message follows the name of the key or of its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Nothing in it.
    #[error("is empty; a PEM file with a P-256 key was expected")]
    Empty,
    /// More than any key needs.
    #[error("is larger than 64 KiB; a PEM file with one P-256 key was expected")]
    TooLarge,
    /// No key in any supported form.
    #[error("is not PEM{0}; it should hold a line \"-----BEGIN {1}-----\"")]
    NotPem(&'static str, &'static str),
    /// A block without an end, or with something else than base64 in it.
    #[error("holds a broken PEM block: {0}")]
    BrokenPem(&'static str),
    /// A private key where a public one was expected.
    #[error(
        "is a private key; give its public half, which `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes (`dubwatch keygen` writes both)"
    )]
    Private,
    /// A private key in JSON where a public one was expected.
    #[error("is a private JWK; give it without its field `d`, which is the secret")]
    PrivateJwk,
    /// A public key where a private one was expected.
    #[error("is a public key; give the private half to sign with")]
    Public,
    /// A private key behind a passphrase.
    #[error("is encrypted; decrypt it with `openssl pkey -in ENCRYPTED -out PLAIN` first")]
    Encrypted,
    /// The parameters that `openssl ecparam` writes before a key, without a key behind them.
    #[error(
        "holds EC parameters and no key: they only name a curve; `dubwatch keygen` makes a key pair, `openssl pkey -in PRIVATE -pubout -out PUBLIC` writes the public half of a private key"
    )]
    Parameters,
    /// An X.509 certificate.
    #[error(
        "is a certificate; take the key out with `openssl x509 -pubkey -noout -in CERT > KEY.pem`"
    )]
    Certificate,
    /// A request for an X.509 certificate.
    #[error(
        "is a certificate request; take the key out with `openssl req -pubkey -noout -in REQUEST > KEY.pem`"
    )]
    CertificateRequest,
    /// A container of keys and certificates, mostly called `.p12` or `.pfx`.
    #[error(
        "is a PKCS#12 container; take the key out with `openssl pkcs12 -in FILE -nocerts -nodes -out KEY.pem`"
    )]
    Pkcs12,
    /// A key as OpenSSH keeps it.
    #[error(
        "is an OpenSSH private key; `ssh-keygen -p -m PKCS8 -f COPY` rewrites a copy of it as PEM"
    )]
    OpenSsh,
    /// More than one key, so that it is not clear which one is meant.
    #[error("holds {0} keys; give each its own file")]
    Several(usize),
    /// A PEM block of another kind.
    #[error("holds no \"{0}\" block, only other PEM blocks")]
    OtherBlock(&'static str),
    /// A key for something else.
    #[error("is {0}; a P-256 key was expected (ES256)")]
    NotP256(String),
    /// The block holds no key structure.
    #[error("is damaged: its PEM is fine, but what it encodes is no key")]
    NotAKey,
    /// A JWK without what a key needs.
    #[error("is a JWK without a usable {0}")]
    BrokenJwk(&'static str),
    /// A public key whose point does not satisfy the curve's equation.
    #[error("is no usable key: its point is not on the curve P-256")]
    NotOnCurve,
    /// No private number, or one that is zero, is not below the order of the curve, or does not
    /// belong to the public half in the same block.
    #[error("is damaged: its private number is missing, out of range or of another public half")]
    BadSecret,
}
