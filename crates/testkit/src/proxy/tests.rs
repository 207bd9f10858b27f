use super::*;
use crate::PortBlock;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

const HELLO: &[u8] = b"GET /ari/events HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
const WELCOME: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";

/// A client and a server that have shaken hands through a proxy.
struct Rig {
    proxy: Proxy,
    client: TcpStream,
    pbx: TcpStream,
    _ports: PortBlock,
}

fn rig() -> Rig {
    let ports = PortBlock::lease().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", ports.spare[1])).unwrap();
    let proxy = Proxy::start(ports.spare[0], ports.spare[1]).unwrap();
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
    let (mut pbx, _) = listener.accept().unwrap();
    client.write_all(HELLO).unwrap();
    let mut head = vec![0; HELLO.len()];
    pbx.read_exact(&mut head).unwrap();
    pbx.write_all(WELCOME).unwrap();
    let mut head = vec![0; WELCOME.len()];
    client.read_exact(&mut head).unwrap();
    for stream in [&client, &pbx] {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    }
    Rig { proxy, client, pbx, _ports: ports }
}

fn next(stream: &mut TcpStream) -> Option<String> {
    match frame::read_frame(stream) {
        Ok(frame) => Some(String::from_utf8(frame.text).unwrap()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(error) => panic!("{error}"),
    }
}

fn originate(id: &str) -> Vec<u8> {
    // A mask of zeros is a mask.
    let text = format!(
        "{{\"type\":\"RESTRequest\",\"method\":\"POST\",\"uri\":\"channels\",\"message_body\":\"{{\\\"channelId\\\":\\\"{id}\\\"}}\"}}"
    );
    let mut raw = vec![0x81, 0x80 | 126];
    raw.extend((text.len() as u16).to_be_bytes());
    raw.extend([0; 4]);
    raw.extend(text.as_bytes());
    raw
}

#[test]
fn a_blackhole_keeps_what_it_is_given_until_it_is_healed() {
    let mut rig = rig();
    rig.proxy.blackhole();
    rig.pbx.write_all(&frame::server_text("{\"type\":\"StasisEnd\"}")).unwrap();
    assert_eq!(next(&mut rig.client), None);
    rig.proxy.heal();
    assert_eq!(next(&mut rig.client).unwrap(), "{\"type\":\"StasisEnd\"}");
}

#[test]
fn held_originates_are_known_and_released_or_lost() {
    let mut rig = rig();
    rig.proxy.set(|faults| faults.hold_originates = true);
    rig.client.write_all(&originate("c-1")).unwrap();
    assert_eq!(next(&mut rig.pbx), None);
    assert_eq!((rig.proxy.held(), rig.proxy.passed().len(), rig.proxy.originates()[0].channel.as_str()), (1, 0, "c-1"));
    rig.proxy.release();
    assert!(next(&mut rig.pbx).unwrap().contains("c-1"));
    rig.client.write_all(&originate("c-2")).unwrap();
    assert_eq!(next(&mut rig.pbx), None);
    rig.proxy.forget();
    rig.proxy.release();
    assert_eq!(next(&mut rig.pbx), None);
    assert_eq!(rig.proxy.passed(), ["c-1"]);
}

#[test]
fn answers_are_swallowed_events_doubled_strangers_made_up_and_a_cut_is_an_end() {
    let mut rig = rig();
    rig.proxy.set(|faults| {
        faults.swallow_every = Some(2);
        faults.duplicate_events = true;
    });
    for text in ["{\"type\":\"RESTResponse\",\"n\":1}", "{\"type\":\"RESTResponse\",\"n\":2}", "{\"type\":\"Dial\"}"] {
        rig.pbx.write_all(&frame::server_text(text)).unwrap();
    }
    let mut told: Vec<String> = Vec::new();
    while let Some(text) = next(&mut rig.client) {
        told.push(text);
    }
    assert_eq!(told, ["{\"type\":\"RESTResponse\",\"n\":1}", "{\"type\":\"Dial\"}", "{\"type\":\"Dial\"}"]);
    assert!(rig.proxy.flood(200, Duration::from_millis(100)) > 0);
    assert!(next(&mut rig.client).unwrap().contains("stranger"));
    rig.proxy.cut();
    let mut rest = Vec::new();
    rig.client.read_to_end(&mut rest).unwrap();
}

#[test]
fn a_delay_keeps_the_order_and_a_refused_connection_is_closed() {
    let mut rig = rig();
    rig.proxy.set(|faults| faults.from_pbx.delay = Duration::from_millis(100));
    let began = Instant::now();
    for text in ["1", "2", "3"] {
        rig.pbx.write_all(&frame::server_text(text)).unwrap();
    }
    let told: Vec<String> = (0..3).filter_map(|_| next(&mut rig.client)).collect();
    assert_eq!(told, ["1", "2", "3"]);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(100) && took < Duration::from_millis(290), "a delay, not a rate: {took:?}");
    rig.proxy.set(|faults| faults.refuse = true);
    let mut refused = TcpStream::connect(("127.0.0.1", rig.proxy.port)).unwrap();
    refused.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(refused.read(&mut [0]).unwrap(), 0);
}

#[test]
fn messages_of_the_manager_interface_are_held_lost_doubled_and_made_up_whole() {
    let ports = PortBlock::lease().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", ports.spare[1])).unwrap();
    let proxy = Proxy::start(ports.spare[0], ports.spare[1]).unwrap();
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
    let (mut pbx, _) = listener.accept().unwrap();
    for stream in [&client, &pbx] {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    }
    let greeting = "Asterisk Call Manager/11.0.0\r\n";
    pbx.write_all(greeting.as_bytes()).unwrap();
    let mut read = vec![0; greeting.len()];
    client.read_exact(&mut read).unwrap();

    let next = |stream: &mut TcpStream| manager::read_message(stream).ok().map(|text| String::from_utf8(text).unwrap());
    let login = "Action: Login\r\nActionID: 1\r\n\r\n";
    let originate = "Action: Originate\r\nActionID: 2\r\nChannelId: c-1\r\n\r\n";
    proxy.set(|faults| faults.hold_originates = true);
    client.write_all(format!("{login}{originate}").as_bytes()).unwrap();
    assert_eq!(next(&mut pbx).as_deref(), Some(login));
    assert_eq!((next(&mut pbx), proxy.held(), proxy.passed().len()), (None, 1, 0));
    proxy.release();
    assert_eq!(next(&mut pbx).as_deref(), Some(originate));
    // It is noted when it was written: whoever reads may be a moment earlier.
    let noted =
        crate::process::until(Duration::from_secs(5), || Ok(Some(proxy.passed()).filter(|calls| !calls.is_empty())));
    assert_eq!(noted.unwrap().unwrap_or_default(), ["c-1"]);

    proxy.set(|faults| {
        faults.swallow_every = Some(2);
        faults.duplicate_events = true;
    });
    let told = ["Response: Success\r\nActionID: 1", "Response: Success\r\nActionID: 2", "Event: Newstate\r\nA: b"];
    for message in told {
        pbx.write_all(format!("{message}\r\n\r\n").as_bytes()).unwrap();
    }
    let mut seen: Vec<String> = Vec::new();
    while let Some(message) = next(&mut client) {
        seen.push(message.trim_end().to_owned());
    }
    assert_eq!(seen, [told[0], told[2], told[2]]);
    assert!(proxy.flood(200, Duration::from_millis(100)) > 0);
    assert!(next(&mut client).unwrap().contains("stranger"));
}
