// A storage client made with dcmjs-dimse: echoes, sends files, and says in JSON what it sent and what was answered.
//
// node scu.js '{"port": 104, "called": "GANTRY", "calling": "DCMJS", "echoes": 1, "files": [], "maximum": 16384,
//               "abort": false, "tls": {"key": "path", "cert": "path", "ca": "path"}}'
'use strict';

const { createHash } = require('crypto');
const { readFileSync } = require('fs');
const { Client, Dataset, Implementation, constants, log, requests } = require('dcmjs-dimse');

const told = JSON.parse(process.argv[2]);
const said = { outcome: '', statuses: [], sent: {} };

log.setLevel('silent');
if (told.maximum) {
  Implementation.setMaxPduLength(told.maximum);
}

// The bytes that it writes are the measure: it encodes each data set anew.
const encode = Dataset.prototype.getDenaturalizedDataset;
Dataset.prototype.getDenaturalizedDataset = function (...options) {
  const bytes = encode.apply(this, options);
  said.sent[this.getElement('SOPInstanceUID')] = createHash('sha256').update(bytes).digest('hex');
  return bytes;
};

const client = new Client();
const expected = (told.echoes || 0) + (told.files || []).length;

function add(request) {
  request.on('response', (response) => {
    said.statuses.push(response.getStatus());
    if (told.abort && said.statuses.length === expected) {
      client.abort(constants.AbortSource.ServiceUser, constants.AbortReason.NotSpecified);
    }
  });
  client.addRequest(request);
}

for (let number = 0; number < (told.echoes || 0); number++) {
  add(new requests.CEchoRequest());
}
for (const file of told.files || []) {
  add(new requests.CStoreRequest(file));
}

client.on('associationReleased', () => { said.outcome = 'released'; });
client.on('associationRejected', () => { said.outcome = 'rejected'; });
client.on('networkError', (error) => { said.outcome = said.outcome || `error: ${error.message}`; });
client.on('closed', () => {
  console.log(JSON.stringify(said));
  process.exit(0);
});

const options = { associationLingerTimeout: told.abort ? 60000 : 0 };
if (told.tls) {
  options.securityOptions = {
    key: readFileSync(told.tls.key),
    cert: readFileSync(told.tls.cert),
    ca: readFileSync(told.tls.ca),
    requestCert: true,
    rejectUnauthorized: true,
  };
}
client.send('127.0.0.1', told.port, told.calling, told.called, options);
