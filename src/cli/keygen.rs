//! `dubwatch keygen`: a key pair for signing test callbacks.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::done_unless;
use crate::app::Exit;
use crate::signature::PrivateKey;
use crate::text::Printable;

#[derive(Debug, clap::Args)]
pub(super) struct KeygenArgs {
    /// The private key's file; the public key goes beside it, ending in .pub.pem
    #[arg(value_name = "PEM")]
    file: PathBuf,
}

pub(super) fn run(args: &KeygenArgs) -> anyhow::Result<Exit> {
    let public = PrivateKey::generate()?.create_pair(&args.file)?;
    let shown = |path: &Path| Printable::new(&path.to_string_lossy());
    let (private, public) = (shown(&args.file), shown(&public));
    let say = || {
        writeln!(
            io::stdout(),
            "Private key: {private} (keep it to yourself; sign with `dubwatch send --key {private}`)\n\
             Public key:  {public} (trust it with `dubwatch --public-key {public}`)"
        )
    };
    done_unless(say().map_err(Into::into))
}
