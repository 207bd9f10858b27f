//! What old clients send over the wire, byte for byte.

use super::open;
use crate::testing::Server;
use std::net::SocketAddr;

/// What a server answers to bytes, read until it closes.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = crate::router(server.app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, service).await });
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut text = Vec::new();
    let read = tokio::time::timeout(std::time::Duration::from_secs(20), socket.read_to_end(&mut text)).await;
    serving.abort();
    read.expect("the server closes").unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn what_old_clients_send_over_the_wire_is_understood() {
    let mut server = Server::start().await;
    open(&mut server);
    let add = "/wombat/api/lists/?op=addToList&list=w";
    let close = "Host: x\r\nConnection: close\r\n";
    for (name, request, added) in [
        ("HTTP/1.0", format!("GET {add}&numbers=100|101,A:b HTTP/1.0\r\n\r\n"), 2),
        ("POST without a length", format!("POST {add}&numbers=102 HTTP/1.1\r\n{close}\r\n"), 1),
        ("POST of HTTP/1.0 without a length", format!("POST {add}&numbers=103 HTTP/1.0\r\n\r\n"), 1),
        (
            "Expect",
            format!("POST {add} HTTP/1.1\r\n{close}Expect: 100-continue\r\nContent-Length: 11\r\n\r\nnumbers=104"),
            1,
        ),
        (
            "chunks",
            format!("POST {add} HTTP/1.1\r\n{close}Transfer-Encoding: chunked\r\n\r\nb\r\nnumbers=105\r\n0\r\n\r\n"),
            1,
        ),
        ("a bad escape", format!("GET {add}&numbers=106,A:100%,B:%zz HTTP/1.1\r\n{close}\r\n"), 1),
    ] {
        let answer = raw(&server, request.as_bytes()).await;
        let said = format!("OK: List: w added {added} numbers\n");
        assert!(answer.ends_with(&said) && answer.contains(" 200 OK"), "{name}: {answer}");
    }
}
