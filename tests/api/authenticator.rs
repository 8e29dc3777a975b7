//! A device with one passkey: answers as browsers do, or wrongly on purpose.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::Private;
use openssl::sha::sha256;
use serde_json::{Value, json};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

pub struct Device {
    key: EcKey<Private>,
    pub id: Vec<u8>,
    pub origin: String,
    pub host: String,
    /// Whether it asks for a PIN or a finger.
    pub verifies: bool,
    pub counter: u32,
    pub handle: Option<String>,
}

impl Device {
    pub fn new() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let mut id = vec![0; 16];
        openssl::rand::rand_bytes(&mut id).unwrap();
        Self {
            key: EcKey::generate(&group).unwrap(),
            id,
            origin: "https://hub.test".to_owned(),
            host: "hub.test".to_owned(),
            verifies: true,
            counter: 1,
            handle: None,
        }
    }

    fn data(&self, attested: &[u8]) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let flags = PRESENT | verified | if attested.is_empty() { 0 } else { ATTESTED };
        [&sha256(self.host.as_bytes())[..], &[flags], &self.counter.to_be_bytes(), attested].concat()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let text = json!({"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false});
        text.to_string().into_bytes()
    }

    /// `navigator.credentials.create()`.
    pub fn create(&mut self, options: &Value) -> Value {
        self.handle = options["user"]["id"].as_str().map(str::to_owned);
        let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        let mut context = BigNumContext::new().unwrap();
        self.key.public_key().affine_coordinates(self.key.group(), &mut x, &mut y, &mut context).unwrap();
        let (x, y) = (x.to_vec_padded(32).unwrap(), y.to_vec_padded(32).unwrap());
        // COSE: {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
        let cose = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..], &x, &[0x22, 0x58, 32], &y].concat();
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let data = self.data(&[&[0; 16][..], &length, &self.id, &cose].concat());
        // CBOR: {"fmt": "none", "attStmt": {}, "authData": data}
        let head =
            [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58", &[u8::try_from(data.len()).unwrap()][..]];
        let object = [head.concat(), data].concat();
        json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "response": {
                "clientDataJSON": BASE64.encode(self.client_data("webauthn.create", options)),
                "attestationObject": BASE64.encode(object),
            },
        })
    }

    /// `navigator.credentials.get()`.
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter += 1;
        self.get_as(options, "webauthn.get")
    }

    pub fn get_as(&self, options: &Value, kind: &str) -> Value {
        let (data, client) = (self.data(&[]), self.client_data(kind, options));
        let signed = sha256(&[&data[..], &sha256(&client)].concat());
        let signature = EcdsaSig::sign(&signed, &self.key).unwrap().to_der().unwrap();
        json!({
            "id": BASE64.encode(&self.id), "rawId": BASE64.encode(&self.id), "type": "public-key",
            "response": {
                "clientDataJSON": BASE64.encode(client),
                "authenticatorData": BASE64.encode(data),
                "signature": BASE64.encode(signature),
                "userHandle": self.handle,
            },
        })
    }
}
