/** Client of the worker: requests as promises. */

import { VoxportError } from "../../src/errors.js";
import type { News, Reply, Requests, Verb } from "./protocol.js";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Engine {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  /** `told` gets the news of requests under way. */
  constructor(private readonly told: (news: News) => void) {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.settle(data));
    this.worker.addEventListener("error", (event) => {
      const error = new Error(`the worker failed: ${event.message || "it could not be loaded"}`);
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    });
  }

  ask<V extends Verb>(verb: V, body: Requests[V]["takes"]): Promise<Requests[V]["gives"]> {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      this.worker.postMessage({ id, verb, body });
    });
  }

  private settle(reply: Reply): void {
    if ("news" in reply) return this.told(reply.news);
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ("value" in reply) waiting?.resolve(reply.value);
    else waiting?.reject(reply.expected ? new VoxportError(reply.error) : new Error(reply.error));
  }
}
