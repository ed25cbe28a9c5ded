// What the viewer asks of the archive by DICOMweb (PS3.18), and what it says when an answer is none.
import { all } from "./values.js";
import { t } from "./words.js";

/** An answer that is no data; the message is for people, and says what to do. */
export class Failed extends Error {
  /** @param {string} message @param {number} status 0 when there was no answer */
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** @param {string} root without a closing slash */
export function archive(root) {
  const base = new URL(root, location.href).href.replace(/\/$/, "");
  const series = (study, uid) => `${base}/studies/${study}/series/${uid}`;
  const instance = (study, uid, sop) => `${series(study, uid)}/instances/${sop}`;
  const asked = new Map();
  return {
    series,
    instance,
    frame: (study, uid, sop, frame) => `${instance(study, uid, sop)}/frames/${frame}`,
    rendered: (study, uid, sop, frame) =>
      frame ? `${instance(study, uid, sop)}/frames/${frame}/rendered` : `${instance(study, uid, sop)}/rendered`,
    thumbnail: (study, uid) => `${series(study, uid)}/thumbnail`,
    /** Attributes of all instances of a series; asked once, again only after a failure. */
    metadata(study, uid) {
      const url = `${series(study, uid)}/metadata`;
      if (!asked.has(url)) {
        const answer = json(url);
        answer.catch(() => asked.delete(url));
        asked.set(url, answer);
      }
      return asked.get(url);
    },
  };
}

async function json(url) {
  const answer = await ask(url, "application/dicom+json");
  try {
    return await answer.json();
  } catch {
    throw new Failed(t("The archive's answer was cut off. Try again."));
  }
}

/**
 * @param {string} url
 * @param {string} accept
 * @returns {Promise<Response>}
 */
export async function ask(url, accept) {
  let answer;
  try {
    answer = await fetch(url, { headers: { Accept: accept }, credentials: "same-origin" });
  } catch {
    throw new Failed(t("The archive does not answer. Check the network, then try again."));
  }
  if (answer.redirected && answer.url.includes("/sign-in/")) throw new Failed(words(401), 401);
  if (!answer.ok) throw new Failed(await reason(answer), answer.status);
  return answer;
}

async function reason(answer) {
  if (answer.headers.get("Content-Type")?.includes("problem+json")) {
    const { detail } = await answer.json().catch(() => ({}));
    if (detail && answer.status !== 401) return `${detail}`;
  }
  return words(answer.status);
}

/** What a status means to whoever looks at pictures. */
export function words(status) {
  return (
    {
      0: t("The archive does not answer. Check the network, then try again."),
      401: t("The session has ended. Sign in again, then reload this page."),
      403: t("Your role does not allow this."),
      404: t("It is not in the archive, or not any more."),
      406: t("The archive cannot send it in a form that a browser shows. Download the file instead."),
      410: t("It has been deleted."),
      503: t("The archive is busy. Try again in a moment."),
    }[status] ?? t("The archive answered with {status}. Try again; the server's log says more.", { status })
  );
}

/** Bytes of an attribute that is inline or in bulk data; null when it has none. */
export async function bytes(dataset, tag) {
  const element = dataset[tag];
  if (element?.InlineBinary) return Uint8Array.from(atob(element.InlineBinary), (one) => one.charCodeAt(0));
  if (!element?.BulkDataURI) return all(dataset, tag).length ? Uint16Array.from(all(dataset, tag)) : null;
  const accept = 'multipart/related; type="application/octet-stream"';
  const answer = await ask(new URL(element.BulkDataURI, location.href).href, accept);
  return onePart(new Uint8Array(await answer.arrayBuffer()), answer.headers.get("Content-Type") ?? "");
}

/** The body of the only part of a multipart answer; of another answer all of it. */
export function onePart(body, contentType) {
  if (!contentType.startsWith("multipart/")) return body;
  const head = new TextDecoder("latin1").decode(body.subarray(0, 2048));
  const begin = head.indexOf("\r\n\r\n") + 4;
  const boundary = head.slice(0, head.indexOf("\r\n"));
  const tail = new TextDecoder("latin1").decode(body.subarray(-boundary.length - 16));
  const end = body.length - tail.length + tail.lastIndexOf(`\r\n${boundary}`);
  return body.subarray(begin, end);
}
