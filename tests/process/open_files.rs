//! The HTTP server in a process that has run out of open files.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use dubwatch::internals::serve::{ServeLimits, serve};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

#[test]
fn without_files_the_silent_make_room() {
    let _turn = crate::turn();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(async || "hello"));
    let stop = CancellationToken::new();
    let mut server = pin!(serve(listener, router, ServeLimits::default(), stop.clone(), |_| {}));
    // It reads the limit when it starts and would cap connections below a small one.
    let starts = poll_fn(|cx| Poll::Ready(server.as_mut().poll(cx).is_pending()));
    assert!(runtime.block_on(starts));

    // All connect before anything is accepted: their own sockets need files as well.
    let mut silent: Vec<_> = (0..6).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    // Room for three more: the next free descriptor and the two after it.
    let next = u64::try_from(std::fs::File::open("/dev/null").unwrap().as_raw_fd()).unwrap();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(next + 3), ..before }).unwrap();

    let answered = thread::spawn(move || {
        let mut answer = [0; 15];
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let read = client.read_exact(&mut answer);
        silent[0].set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let gone = silent[0].read(&mut [0]);
        stop.cancel();
        read.unwrap();
        assert_eq!(gone.unwrap(), 0);
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    });
    runtime.block_on(server);
    setrlimit(Resource::Nofile, before).unwrap();
    answered.join().unwrap();
}
