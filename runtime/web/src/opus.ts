/** The head of an Opus stream, and the length of its packets (RFC 7845, RFC 6716). Decodes nothing. */

import { ascii } from "./bytes.js";

export const OPUS_RATE_HZ = 48_000; // of a stream's counts

const RATES_HZ = [8000, 12000, 16000, 24000] as const; // that it decodes to, 48 000 beside them
const FRAME_SAMPLES = [
  [480, 960, 1920, 2880], // SILK
  [480, 960], // hybrid
  [120, 240, 480, 960], // CELT
] as const;
const MAX_PACKET_SAMPLES = 5760;

/** Settings of a decoder. */
export interface OpusHead {
  readonly sampleRate: (typeof RATES_HZ)[number] | 48000; // the least that holds the recording's own
  readonly preSkip: number; // samples of 48 kHz at the start that are no audio
  readonly gain: number; // a factor
  readonly channels: number;
  readonly streamCount: number;
  readonly coupledStreamCount: number;
  readonly channelMappingTable: number[];
}

/** Read the head in a stream's first packet; null where it is no Opus. */
export function opusHead(packet: Uint8Array): OpusHead | null {
  if (ascii(packet, 0) !== "Opus" || ascii(packet, 4) !== "Head" || packet.length < 19) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const channels = view.getUint8(9);
  const recorded = view.getUint32(12, true); // Hz; 0: not known
  const isMapped = view.getUint8(18) !== 0 && packet.length >= 21 + channels;
  return {
    sampleRate: (recorded > 0 && RATES_HZ.find((rate) => rate >= recorded)) || 48000,
    preSkip: view.getUint16(10, true),
    gain: 10 ** (view.getInt16(16, true) / (20 * 256)),
    channels,
    streamCount: isMapped ? view.getUint8(19) : 1,
    coupledStreamCount: isMapped ? view.getUint8(20) : channels - 1,
    channelMappingTable: isMapped ? Array.from(packet.subarray(21, 21 + channels)) : [0, 1].slice(0, channels),
  };
}

/** Return the samples of a packet at 48 kHz, 0 where it is none. */
export function packetSamples(packet: Uint8Array): number {
  const [kind, second = 0] = packet;
  if (kind === undefined) return 0;
  const setting = kind >> 3;
  const sizes = FRAME_SAMPLES[setting < 12 ? 0 : setting < 16 ? 1 : 2];
  const size = sizes[setting & (sizes.length - 1)] ?? 0;
  const frames = [1, 2, 2, second & 63][kind & 3] ?? 0;
  return Math.min(size * frames, MAX_PACKET_SAMPLES);
}
