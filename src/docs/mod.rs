//! The reference pages, one module each: the files in `src/docs/`, which the README links to.
//!
//! The pages link to each other by labels. On the web a label leads to a file, as the page's last
//! lines define it; here it leads to a module, as the macro `page` defines it before the page. The first
//! definition of a label counts.

#![expect(clippy::doc_markdown, reason = "tables repeat the help of flags, which is plain text")]

/// Defines a module whose documentation is a page, with the labels that pages link by.
macro_rules! page {
    ($name:ident, $file:literal) => {
        /// [api]: crate::docs::api
        /// [ci]: crate::docs::ci
        /// [callbacks]: crate::docs::callbacks#what-a-callback-does
        /// [captures]: crate::docs::captures
        /// [effects]: crate::docs::callbacks#what-a-callback-does
        /// [expected]: crate::docs::keys#how-many-versions-an-asset-will-have
        /// [files]: crate::docs::files
        /// [filter]: crate::docs::filter
        /// [forward]: crate::docs::forward
        /// [measuring]: crate::docs::measuring
        /// [ndjson]: crate::docs::ndjson
        /// [programs]: crate::docs::programs
        /// [protocol]: crate::relay::protocol
        /// [relay]: crate::docs::relay
        /// [relay-settings]: crate::docs::settings#a-relay-of-your-own-the-table-relay
        /// [settings]: crate::docs::settings
        /// [slack]: crate::docs::slack_recipe
        /// [unit]: crate::docs::relay_unit
        ///
        #[doc = include_str!($file)]
        pub mod $name {}
    };
}

page!(api, "api.md");
page!(callbacks, "callbacks.md");
page!(captures, "captures.md");
page!(ci, "ci.md");
page!(commands, "commands.md");
page!(files, "files.md");
page!(filter, "filter.md");
page!(forward, "forward.md");
page!(keys, "keys.md");
page!(measuring, "measuring.md");
page!(ndjson, "ndjson.md");
page!(programs, "programs.md");
page!(relay, "relay.md");
page!(settings, "settings.md");
page!(troubleshooting, "troubleshooting.md");

#[doc = concat!("# A message to Slack\n\n```sh\n", include_str!("slack.sh"), "```\n")]
pub mod slack_recipe {}

#[doc = concat!(
    "# The relay's systemd unit\n\n```ini\n",
    include_str!("../../assets/dubwatch-relay.service"),
    "```\n"
)]
pub mod relay_unit {}
