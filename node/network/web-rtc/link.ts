/** What WebRTC is to Floe, whoever brings it: a browser, a native library, or a page that has it for its worker. */

/** Events of a channel. What a listener throws is for nobody: it must not. */
export interface RtcChannelEvents {
  /** sending has begun to be possible */
  opened(): void
  message(bytes: Uint8Array): void
  /** what waited to be sent has gone */
  drained(): void
  closed(): void
}

/** A data channel, reliable and in order. */
export interface RtcChannel {
  readonly isOpen: boolean
  /** that wait to be sent */
  readonly bufferedBytes: number
  /** Throws when it is not open. */
  send(bytes: Uint8Array): void
  /** Tells what happens from here on, after what came before. At most once. */
  listen(events: RtcChannelEvents): void
  /** Idempotent; never throws. */
  close(): void
}

/** A peer connection. */
export interface RtcLink {
  /** Another channel, with an empty label. Throws when the link is closed. */
  open(): RtcChannel
  /** Each channel that the peer opens, with those that it has opened before. At most once. */
  onChannel(listener: (channel: RtcChannel) => void): void
  /** At once when it is closed already. */
  onClosed(listener: () => void): void
  /** Idempotent; never throws. */
  close(): void
}

/** One that is up to its first channel, on which both sides prove who they are. */
export interface RtcOpening {
  readonly link: RtcLink
  readonly handshake: RtcChannel
  /** SHA-256 of the certificates of who has dialled and who listens */
  readonly clientFingerprint: Uint8Array
  readonly serverFingerprint: Uint8Array
}

/** The digits of a fingerprint as SDP has them: `A0:…`. */
export function fingerprintFrom(text: string): Uint8Array {
  return Uint8Array.from(text.trim().split(':'), pair => Number.parseInt(pair, 16))
}

export const fingerprintText = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0').toUpperCase()).join(':')
