/**
 * What libp2p has in a data channel: `Message { optional Flag flag = 1; optional bytes message = 2 }` of protobuf, each with its length in
 * front. Source: libp2p's specification of WebRTC.
 */

/** FIN: no more is sent. STOP_SENDING: no more is read. RESET: both, at once. FIN_ACK: the FIN has come. */
export const FLAG = { FIN: 0, STOP_SENDING: 1, RESET: 2, FIN_ACK: 3 } as const

export interface Frame {
  flag?: number
  message?: Uint8Array
}

const FLAG_TAG = 0x08
const MESSAGE_TAG = 0x12

/** Length and tags of a frame of so many bytes: two lengths of three bytes at most. */
export const FRAME_OVERHEAD_BYTES = 8

export function encodeFrame({ flag, message }: Frame): Uint8Array {
  const flagBytes = flag === undefined ? [] : [FLAG_TAG, flag]
  const head = message === undefined ? [] : [MESSAGE_TAG, ...varint(message.length)]
  const length = flagBytes.length + head.length + (message?.length ?? 0)
  const prefix = varint(length)
  const frame = new Uint8Array(prefix.length + length)
  frame.set(prefix)
  frame.set(flagBytes, prefix.length)
  frame.set(head, prefix.length + flagBytes.length)
  if (message !== undefined) frame.set(message, frame.length - message.length)
  return frame
}

/** The frames in what came in one message of the channel, views of it; undefined where it is none. */
export function decodeFrames(bytes: Uint8Array): Frame[] | undefined {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = readVarint(bytes, at)
    if (length === undefined || length.next + length.value > bytes.length) return undefined
    const frame = decodeFrame(bytes.subarray(length.next, length.next + length.value))
    if (frame === undefined) return undefined
    frames.push(frame)
    at = length.next + length.value
  }
  return frames
}

function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const frame: Frame = {}
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]
    const value = readVarint(bytes, at + 1)
    if (value === undefined) return undefined
    at = value.next
    if (tag === FLAG_TAG) frame.flag = value.value
    else if (tag === MESSAGE_TAG) {
      if (at + value.value > bytes.length) return undefined
      frame.message = bytes.subarray(at, at + value.value)
      at += value.value
    } else return undefined
  }
  return frame
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest]
    bytes.push((rest & 0x7f) | 0x80)
  }
}

/** Of three bytes at most: no message is longer. */
function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } | undefined {
  let value = 0
  for (let i = 0; i < 3; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) return undefined
    value |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return { value, next: at + i + 1 }
  }
  return undefined
}
