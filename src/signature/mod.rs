//! ES256: keys, the grammar of the signature header, the check and what explains it.
//!
//! ECDSA on P-256 with SHA-256 over the body exactly as received. p256 decodes keys and both
//! encodings of a signature; ring checks the 64 bytes that come of it, four times as fast. Every
//! outcome is a [`Verdict`](crate::callback::Verdict) with a reason; nothing from a request selects a key or an
//! algorithm.
//!
//! | file | owns |
//! |---|---|
//! | `key_form` | which form a key file has: PEM, base64, DER, JWK or something else |
//! | `key_der` | keys in DER, and saying what else the DER is |
//! | `jwk` | keys in JSON (RFC 7517) |
//! | `key_fault` | why a file gives no key, and what to do |
//! | `keys` | public and private keys, signing |
//! | `key_file` | keys on disk: bounded reads, modes, never over an existing file |
//! | `key_error` | what can go wrong with a key or its file |
//! | `decode` | the numbers of a signature, from DER or 64 bytes |
//! | `header` | the grammar of `X-Signature` |
//! | `misspelt` | signatures written in another way than hex |
//! | `check` | the trusted keys and the verdict |
//! | `steps` | the check as a list of steps, for people |
//! | `forensics` | which change of the body or the header would make a refused signature hold |
//! | `changes` | the changes that are tried |
//! | `json_text`, `json_fields` | JSON rewritten as other programs write it |
//! | `elsewhere` | signatures in headers of other names |
//! | `fingerprint` | digests that tell a retry from a second occurrence |

mod changes;
mod check;
mod decode;
mod elsewhere;
pub(crate) mod fingerprint;
mod forensics;
mod header;
mod json_fields;
mod json_text;
mod jwk;
mod key_der;
mod key_error;
mod key_fault;
mod key_file;
mod key_form;
mod keys;
mod misspelt;
mod steps;

pub use check::TrustedKeys;
pub use decode::Signature;
pub use elsewhere::{explain_misplaced, explain_missing, may_be_misplaced};
pub use fingerprint::{fingerprint, fingerprint_of};
pub use forensics::{explain, suspect};
pub use header::HeaderFault;
pub use key_error::KeyError;
pub use key_fault::KeyFault;
pub use keys::{DEV_KEY, PrivateKey, PublicKey};
pub use steps::{StepResult, steps};
