// A storage provider made with dcmjs-dimse: takes every context, and writes each data set's bytes as they came.
//
// node scp.js '{"port": 104, "folder": "path", "maximum": 16384, "tls": {"key": "path", "cert": "path", "ca": "path"}}'
'use strict';

const { readFileSync, writeFileSync } = require('fs');
const { join } = require('path');
const { Writable } = require('stream');
const { Dataset, Implementation, Scp, Server, constants, log, responses } = require('dcmjs-dimse');

const told = JSON.parse(process.argv[2]);
const { PresentationContextResult, Status } = constants;

log.setLevel('silent');
if (told.maximum) {
  Implementation.setMaxPduLength(told.maximum);
}

class Pieces extends Writable {
  constructor() {
    super();
    this.pieces = [];
  }

  _write(piece, encoding, done) {
    this.pieces.push(Buffer.from(piece));
    done();
  }
}

class StorageProvider extends Scp {
  associationRequested(association) {
    for (const { id } of association.getPresentationContexts()) {
      const context = association.getPresentationContext(id);
      context.setResult(PresentationContextResult.Accept, context.getTransferSyntaxUids()[0]);
    }
    this.sendAssociationAccept();
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }

  cEchoRequest(request, callback) {
    const response = responses.CEchoResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  createStoreWritableStream() {
    return new Pieces();
  }

  createDatasetFromStoreWritableStream(stream, context, callback) {
    this.received = { data: Buffer.concat(stream.pieces), syntax: context.getAcceptedTransferSyntaxUid() };
    callback(new Dataset({}, this.received.syntax));
  }

  cStoreRequest(request, callback) {
    const uid = request.getAffectedSopInstanceUid();
    writeFileSync(join(told.folder, `${uid}.${this.received.syntax}.bin`), this.received.data);
    const response = responses.CStoreResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }
}

const options = {};
if (told.tls) {
  options.securityOptions = {
    key: readFileSync(told.tls.key),
    cert: readFileSync(told.tls.cert),
    ca: readFileSync(told.tls.ca),
    requestCert: true,
    rejectUnauthorized: true,
  };
}
new Server(StorageProvider).listen(told.port, options);
