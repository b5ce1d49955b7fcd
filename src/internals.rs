//! What the tests and benches of this repository use of the program, and nothing else: a name that
//! is missing here is private, so that the compiler finds what nothing uses.
//!
//! It is no API. The program's interfaces are its command line, its output and the relay protocol;
//! see [`docs`](crate::docs).

pub mod api {
    pub use crate::api::{
        AnswerError, ApiAddress, ApiClient, ApiError, ApiKey, ApiKeyPlace, ApiSettings,
        AssetAnswer, AssetName, AssetPage, Endpoint, NameField, NextPage, PageWalk, ReadStatus,
        ResultUrl, VersionAnswer, WalkStep, redact,
    };
}
pub mod callback {
    pub use crate::callback::{
        Accepted, Ambiguity, BodySample, Callback, Delivery, DeliveryEffect, DeliverySummary,
        Encoding, Event, Fingerprint, Gap, Headers, Outcome, Provenance, Received, Refusal,
        RefusalEntry, RefusalKind, ReportedName, Source, State, Verdict, VersionReport,
        VersionStatus,
    };
}
pub mod config {
    pub use crate::config::{RELAY_SETTINGS, SETTINGS, Setting};
}
pub mod filter {
    pub use crate::filter::TERMS;
}
pub mod forward {
    pub use crate::forward::{ForwardAnswer, ForwardAttempt, ForwardMark};
}
pub mod intake {
    pub use crate::intake::{Intake, Policy};
}
pub mod journal {
    pub use crate::journal::{
        Journal, JournalReader, Location, MAX_REFUSALS, PendingCommit, WriteError, WriterLimits,
    };
}
pub mod listener {
    pub use crate::listener::{Listener, ListenerSettings};
}
pub mod outbound {
    pub use crate::outbound::Outbound;
}
pub mod relay {
    pub mod protocol {
        pub use crate::relay::protocol::{
            ClientFrame, CloseCode, Cursor, DEAD_AFTER, DeliveryFrame, Draining, Epoch, GapReason,
            HEARTBEAT, HELLO_TIMEOUT, Hello, PingPayload, RelayFrame, Resume, Resumed, SUBPROTOCOL,
            SUBSCRIBE_PATH, Versions, WINDOW, Welcome,
        };
    }
}
pub mod serve {
    pub use crate::serve::{
        ConnFailure, FailureReason, ListeningSockets, Peer, ServeLimits, raise_open_files, serve,
    };
}
pub mod signature {
    pub use crate::signature::{PrivateKey, PublicKey, TrustedKeys, fingerprint};
}
pub mod simulate {
    pub use crate::simulate::{Message, RequestKind, Speed, Story, Tamper};
    pub mod service {
        pub use crate::simulate::service::{
            Faults, FaultyReply, FieldSpelling, NamedBy, Owner, PagingStyle, RecordedRequest,
            Resuming, RetryHint, ServiceEndpoint, StandIn, StoryCatalogue, Video, VideoFaults,
            World, WorldAsset, WorldVersion,
        };
    }
}
pub mod status {
    pub use crate::status::{
        ApiState, ApiStatus, Counts, ForwardState, ForwardStatus, JournalHealth, Link, LinkState,
    };
}
pub mod text {
    pub use crate::text::{ClipText, Printable, is_hidden};
}
pub mod timeline {
    pub use crate::timeline::{AssetListing, AssetRow, Expectation, Notes, Timeline, VersionRow};
}
pub mod tui {
    pub mod effect {
        pub use crate::tui::effect::{Effect, Request, StudioUse};
    }
    pub mod event {
        pub use crate::tui::event::{BackendEvent, News};
    }
    pub mod input {
        pub use crate::tui::input::{Chord, Input, Key, Report, stream};
    }
    pub mod job_control {
        pub use crate::tui::job_control::{JobControl, JobSignal, SuspendError};
    }
    pub mod keymap {
        pub use crate::tui::keymap::{Context, KEYMAP, footer};
    }
    pub mod model {
        pub use crate::tui::model::{Banner, Model, RunInfo};
        pub mod asset {
            pub use crate::tui::model::asset::AssetView;
        }
        pub mod detail {
            pub use crate::tui::model::detail::{Detail, StepView};
        }
        pub mod download {
            pub use crate::tui::model::download::{
                DownloadEnd, DownloadOrder, DownloadTarget, RunningDownload,
            };
        }
        pub mod layout {
            pub use crate::tui::model::layout::SMALLEST;
        }
        pub mod mode {
            pub use crate::tui::model::mode::{Mode, Pane};
        }
        pub mod row {
            pub use crate::tui::model::row::Row;
        }
        pub mod screen {
            pub use crate::tui::model::screen::Screen;
        }
        pub mod search {
            pub use crate::tui::model::search::{RowsPage, Search, SearchStart};
        }
        pub mod tab {
            pub use crate::tui::model::tab::Tab;
        }
        pub mod target {
            pub use crate::tui::model::target::Target;
        }
    }
    pub mod msg {
        pub use crate::tui::msg::Msg;
    }
    pub mod terminal {
        pub use crate::tui::terminal::{COPY_LIMIT, Multiplexer, TerminalError, TerminalScreen};
    }
    pub mod update {
        pub use crate::tui::update::{next_change, update};
    }
    pub mod view {
        pub use crate::tui::view::{cursor, draw, title};
    }
    pub mod widget {
        pub mod glyph {
            pub use crate::tui::widget::glyph::SELECTED;
        }
        pub mod pen {
            pub use crate::tui::widget::pen::Pen;
        }
        pub mod theme {
            pub use crate::tui::widget::theme::Theme;
        }
    }
}
