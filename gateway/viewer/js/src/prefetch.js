// Loads a stack's pictures from where the reader is outwards, a few at once, and stops before the cache is full.
import { Enums, cache, imageLoader } from "@cornerstonejs/core";
import { REQUESTS_AT_ONCE } from "./engine.js";

const FULL_SHARE = 0.85;

/** One per viewport. */
export class Prefetch {
  /** @param {(loaded: number, total: number) => void} onProgress */
  constructor(onProgress) {
    this.onProgress = onProgress;
    this.stop();
  }

  /** @param {string[]} ids @param {number} index where the reader is */
  begin(ids, index) {
    this.run = Symbol("run");
    this.ids = ids;
    this.index = index;
    this.direction = 1;
    this.failed = new Set();
    this.flying = new Set();
    this.report();
    for (let each = 0; each < REQUESTS_AT_ONCE; each++) this.next(this.run);
  }

  /** The reader moved: what is near now comes first. */
  moved(index) {
    if (index !== this.index) this.direction = Math.sign(index - this.index);
    this.index = index;
  }

  /** Let it be; what is under way still arrives in the cache. */
  stop() {
    this.run = null;
    this.ids = [];
  }

  async next(run) {
    const id = run === this.run ? this.nearest() : null;
    if (!id) return;
    this.flying.add(id);
    try {
      await imageLoader.loadAndCacheImage(id, { requestType: Enums.RequestType.Prefetch, priority: 0 });
    } catch {
      this.failed.add(id); // told when the reader comes to it
    }
    this.flying.delete(id);
    if (run !== this.run) return;
    this.report();
    this.next(run);
  }

  nearest() {
    if (cache.getCacheSize() > cache.getMaxCacheSize() * FULL_SHARE) return null;
    const isWanted = (at) => {
      const id = this.ids[at];
      return id && !this.flying.has(id) && !this.failed.has(id) && !cache.getImageLoadObject(id);
    };
    for (let away = 0; away < this.ids.length; away++) {
      for (const at of [this.index + away * this.direction, this.index - away * this.direction]) {
        if (isWanted(at)) return this.ids[at];
      }
    }
    return null;
  }

  report() {
    const loaded = this.ids.filter((id) => cache.isLoaded(id)).length;
    this.onProgress(loaded, this.ids.length);
  }
}
