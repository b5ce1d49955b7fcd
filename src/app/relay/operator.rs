//! The operator's commands: the socket of a running relay, and the command's side of it.

use std::sync::Arc;

use anyhow::Context as _;

use super::super::supervisor::runtime;
use super::super::worker::Worker;
use super::RelayOptions;
use crate::config::ConfigError;
use crate::relay::admin::{self, AdminCommand, AdminReply};
use crate::relay::store::{Store, StoreError};
use crate::sqlite::{Location, OpenError};

/// Serves the operator's commands while the relay runs; `None` if the socket cannot be created.
pub(super) fn serve_operator(
    store: &Arc<Store>,
    base: &str,
    print: fn(&str),
) -> Option<Worker<()>> {
    match admin::listen(store.path()) {
        Ok(socket) => {
            let (store, base) = (Arc::clone(store), base.to_owned());
            Some(Worker::task("operator's socket", |stop| admin::serve(socket, store, base, stop)))
        }
        Err(error) => {
            // The relay works without it; inboxes can be created while it is stopped.
            let path = admin::socket_path(store.path());
            print(&format!(
                "`dubwatch relay inbox` does not work while this relay runs: cannot create {}: {error}",
                path.display()
            ));
            None
        }
    }
}

/// Executes an operator's command: sends it to the relay that runs on the store, or opens the store
/// itself if none runs. Returns the reply, or an error if neither is possible.
pub fn relay_admin(relay: &RelayOptions, command: AdminCommand) -> anyhow::Result<AdminReply> {
    let runtime = runtime()?;
    // The caps of the relay are not known here, so a command must not delete anything by its own.
    let caps = relay.caps.clone().without_expiry();
    let prepared = match command {
        AdminCommand::Create { .. } => Store::open(&Location::File(relay.db.clone()), caps),
        // These need an inbox, so they must not create an empty store.
        AdminCommand::List
        | AdminCommand::Rotate { .. }
        | AdminCommand::Revoke { .. }
        | AdminCommand::Forget { .. }
        | AdminCommand::Prune { .. } => Store::open_existing(&relay.db, caps),
    };
    match prepared {
        Ok(store) => {
            let reply = runtime.block_on(async {
                let configured = relay.base_url(relay.listen.first().copied());
                let base = if relay.sets_base_url() {
                    if command != AdminCommand::List {
                        // If the store cannot be written, the command itself reports it.
                        let _ = store.note_reached(&configured).await;
                    }
                    configured
                } else {
                    store.reached().await.ok().flatten().unwrap_or(configured)
                };
                admin::carry_out(&store, &base, command).await
            });
            store.close();
            Ok(reply)
        }
        Err(StoreError::Open(OpenError::InUse { .. })) => {
            if !relay.placed_by.is_empty() {
                return Err(ConfigError::Conflict(format!(
                    "a relay runs on {} and knows where it listens: leave out {}; --public-url says what its URLs begin with for others",
                    relay.db.display(),
                    relay.placed_by.join(" and ")
                ))
                .into());
            }
            let reply = runtime.block_on(admin::ask(&relay.db, &command)).with_context(|| {
                format!(
                    "a relay runs on {} and does not answer at {}",
                    relay.db.display(),
                    admin::socket_path(&relay.db).display()
                )
            })?;
            Ok(match &relay.server.public_url {
                Some(base) => reply.reached_at(base),
                None => reply,
            })
        }
        Err(error) => Err(error.into()),
    }
}
