// A retrieving client made with dcmjs-dimse: asks for a study by C-GET or C-MOVE, and says in JSON what it was told and
// given.
//
// node fetch.js '{"port": 104, "called": "GANTRY", "calling": "DCMJS", "study": "1.2.3.4", "destination": ""}'
'use strict';

const { Client, constants, log, requests, responses } = require('dcmjs-dimse');

const told = JSON.parse(process.argv[2]);
const said = { outcome: '', statuses: [], sent: {}, received: [], completed: 0 };

log.setLevel('silent');

const client = new Client();
const request = told.destination
  ? requests.CMoveRequest.createStudyMoveRequest(told.destination, told.study)
  : requests.CGetRequest.createStudyGetRequest(told.study);
request.on('response', (response) => {
  said.statuses.push(response.getStatus());
  said.completed = response.getCompleted();
});
client.on('cStoreRequest', (stored, callback) => {
  said.received.push(stored.getAffectedSopInstanceUid());
  const response = responses.CStoreResponse.fromRequest(stored);
  response.setStatus(constants.Status.Success);
  callback(response);
});
client.addRequest(request);
client.on('associationReleased', () => { said.outcome = 'released'; });
client.on('associationRejected', () => { said.outcome = 'rejected'; });
client.on('networkError', (error) => { said.outcome = said.outcome || `error: ${error.message}`; });
client.on('closed', () => {
  console.log(JSON.stringify(said));
  process.exit(0);
});
client.send('127.0.0.1', told.port, told.calling, told.called);
