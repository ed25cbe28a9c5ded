// Plays a stack: as many pictures a second as asked, and never more than are loaded in time.

/** One clock for the page; it plays the cell that was active when it began. */
export class Cine {
  /** @param {(isPlaying: boolean, rate: number) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.cell = null;
    this.rate = 0;
  }

  get isPlaying() {
    return this.cell !== null;
  }

  /** @param {import("./cell.js").Cell} cell */
  toggle(cell) {
    if (this.isPlaying) return this.stop();
    if (!cell.isStack || cell.count < 2) return undefined;
    this.cell = cell;
    this.rate = this.rate || Math.min(60, Math.round(cell.set.rate) || 12);
    this.isWaiting = false;
    this.tick();
    this.onChange(true, this.rate);
    return undefined;
  }

  stop() {
    clearTimeout(this.timer);
    this.cell = null;
    this.onChange(false, this.rate);
  }

  faster(factor) {
    this.rate = Math.max(1, Math.min(60, Math.round((this.rate || 12) * factor) + (factor > 1 ? 1 : -1)));
    this.onChange(this.isPlaying, this.rate);
  }

  tick() {
    this.timer = setTimeout(() => {
      if (!this.cell) return;
      this.advance();
      this.tick();
    }, 1000 / this.rate);
  }

  async advance() {
    if (this.isWaiting || !this.cell.viewport) return;
    this.isWaiting = true;
    const { viewport, count, index } = this.cell;
    try {
      await viewport.setImageIdIndex((index + 1) % count);
    } catch {
      this.stop(); // its cell says what is wrong with the picture
    }
    this.isWaiting = false;
  }
}
