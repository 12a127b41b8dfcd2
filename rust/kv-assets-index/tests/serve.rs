use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use kv_assets_index::{plan, serve, AssetIndex, Get, Request, Response, Store};

/// A namespace in memory. A read of the key "broken" is an error.
#[derive(Default)]
struct Memory(HashMap<&'static str, &'static str>);

impl Store for Memory {
    type Body = &'static str;
    type Error = &'static str;
    fn get<'s>(&'s self, key: &'s str) -> Get<'s, &'static str, &'static str> {
        Box::pin(async move {
            PendingOnce(false).await;
            match key {
                "broken" => Err("KV is down"),
                _ => Ok(self.0.get(key).copied()),
            }
        })
    }
}

/// A future that is ready at the second poll, as after I/O.
struct PendingOnce(bool);

impl Future for PendingOnce {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        context.waker().wake_by_ref();
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct NoWaker;
    impl Wake for NoWaker {
        fn wake(self: Arc<Self>) {}
    }
    let mut future = Box::pin(future);
    let waker = Arc::new(NoWaker).into();
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
    }
}

type Answer = Response<&'static str, &'static str>;

fn site() -> (Vec<u8>, Memory) {
    let entries = [
        (
            "index.html",
            ("index.f3c9f85f2a.html", 1_600_000_000u64, 4u64),
        ),
        ("docs/index.html", ("docs/index.0a.html", 0, 4)),
        ("a b/ü.svg", ("a b/ü.7.svg", 0, 3)),
        ("100%.txt", ("100%.8.txt", 0, 3)),
        ("old", ("somewhere-else", u64::MAX, 3)),
        ("lost.txt", ("lost.9.txt", 0, 3)),
        ("broken.txt", ("broken", 0, 3)),
    ];
    let values = [
        ("index.f3c9f85f2a.html", "home"),
        ("docs/index.0a.html", "docs"),
        ("a b/ü.7.svg", "svg"),
        ("100%.8.txt", "100"),
        ("somewhere-else", "old"),
    ];
    (
        bincode::serialize(&entries[..]).unwrap(),
        Memory(HashMap::from(values)),
    )
}

fn send(request: Request<'_>) -> Answer {
    let (bytes, store) = site();
    let index = AssetIndex::parse(&bytes).unwrap();
    block_on(serve(&index, &store, &request))
}

fn get(path: &str) -> Answer {
    send(Request {
        method: "GET",
        path,
        ..Request::default()
    })
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let header = answer.headers.iter().find(|header| header.0 == name);
    header.map(|header| &*header.1)
}

#[test]
fn get_and_head() {
    let home = get("/");
    assert_eq!((home.status, home.body), (200, Some("home")));
    assert_eq!(
        header(&home, "content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(header(&home, "etag"), Some("\"f3c9f85f2a\""));
    assert_eq!(
        header(&home, "last-modified"),
        Some("Sun, 13 Sep 2020 12:26:40 GMT")
    );
    assert_eq!(
        header(&home, "cache-control"),
        Some("public, max-age=0, must-revalidate")
    );

    let head = send(Request {
        method: "HEAD",
        path: "/",
        ..Request::default()
    });
    assert_eq!((head.status, head.body), (200, None));
    assert_eq!(head.headers, home.headers);
}

#[test]
fn paths() {
    for (path, want) in [
        ("/index.html", Some("home")),
        ("", Some("home")),
        ("/docs/", Some("docs")),
        ("/docs/index.html", Some("docs")),
        ("/a%20b/%C3%BC.svg", Some("svg")),
        ("/a%20b/%c3%bc.svg", Some("svg")),
        ("/100%25.txt", Some("100")),
        ("/100%.txt", Some("100")),
        ("/docs", None),
        ("/docs//", None),
        ("//", None),
        ("/%", None),
        ("/%f", None),
        ("/%zz", None),
        ("/%FF", None),
        ("/%+f", None),
        ("/Index.html", None),
        ("/../index.html", None),
        ("/constructor", None),
    ] {
        let answer = get(path);
        assert_eq!(
            answer.status,
            if want.is_some() { 200 } else { 404 },
            "{path}"
        );
        assert_eq!(answer.body, want, "{path}");
    }
    assert_eq!(header(&get("/nowhere"), "cache-control"), Some("no-store"));
}

#[test]
fn other_methods() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", ""] {
        let answer = send(Request {
            method,
            path: "/",
            ..Request::default()
        });
        assert_eq!((answer.status, answer.body), (405, None), "{method}");
        assert_eq!(header(&answer, "allow"), Some("GET, HEAD"));
        let nowhere = send(Request {
            method,
            path: "/nowhere",
            ..Request::default()
        });
        assert_eq!(nowhere.status, 404, "{method}");
    }
}

#[test]
fn conditions() {
    let date = "Sun, 13 Sep 2020 12:26:40 GMT";
    for (if_none_match, want) in [
        (Some("\"f3c9f85f2a\""), 304),
        (Some("W/\"f3c9f85f2a\""), 304),
        (Some("\"x\", \"f3c9f85f2a\""), 304),
        (Some("*"), 304),
        (Some("\"x\""), 200),
        (Some("f3c9f85f2a"), 200),
        (Some(""), 200),
        (None, 200),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = send(Request {
                method,
                path: "/",
                if_none_match,
            });
            assert_eq!(answer.status, want, "{method} {if_none_match:?}");
            assert_eq!(header(&answer, "etag"), Some("\"f3c9f85f2a\""));
            if want == 304 {
                assert_eq!(answer.body, None);
                assert_eq!(header(&answer, "content-type"), None);
                assert_eq!(header(&answer, "last-modified"), Some(date));
            }
        }
    }
}

// A file has no ETag if its key has no hash, and no Last-Modified if its year has five digits.
#[test]
fn no_etag_and_no_date() {
    let old = get("/old");
    assert_eq!((old.status, old.body), (200, Some("old")));
    assert_eq!(
        (header(&old, "etag"), header(&old, "last-modified")),
        (None, None)
    );
    let tagged = Request {
        if_none_match: Some("\"x\""),
        ..request("/old")
    };
    assert_eq!(send(tagged).status, 200);

    for key in [
        "a..txt",
        "a.x\"y.txt",
        "a.0\r\n.txt",
        "a.txt",
        "a.0a",
        "b.0a.txt",
        "",
    ] {
        let bytes = bincode::serialize(&[("a.txt", (key, 0u64, 0u64))][..]).unwrap();
        let index = AssetIndex::parse(&bytes).unwrap();
        let headers = plan(&index, &request("/a.txt")).headers;
        assert!(headers.iter().all(|header| header.0 != "etag"), "{key:?}");
    }
}

fn request(path: &str) -> Request<'_> {
    Request {
        method: "GET",
        path,
        ..Request::default()
    }
}

#[test]
fn missing_key_and_failed_read_are_503() {
    for method in ["GET", "HEAD"] {
        for (path, error) in [("/lost.txt", None), ("/broken.txt", Some("KV is down"))] {
            let answer = send(Request {
                method,
                ..request(path)
            });
            assert_eq!(
                (answer.status, answer.body, answer.error),
                (503, None, error),
                "{path}"
            );
            assert_eq!(header(&answer, "cache-control"), Some("no-store"));
            assert_eq!(header(&answer, "retry-after"), Some("60"));
        }
    }
}

#[test]
fn plan_has_key_and_body() {
    let (bytes, _) = site();
    let index = AssetIndex::parse(&bytes).unwrap();
    let plans = [
        ("GET", "/docs/"),
        ("HEAD", "/docs/"),
        ("GET", "/no"),
        ("PUT", "/"),
    ]
    .map(|(method, path)| {
        plan(
            &index,
            &Request {
                method,
                ..request(path)
            },
        )
    });
    let key = Some("docs/index.0a.html");
    assert_eq!(plans.clone().map(|plan| plan.key), [key, key, None, None]);
    assert_eq!(plans.map(|plan| plan.body), [true, false, false, false]);
}
