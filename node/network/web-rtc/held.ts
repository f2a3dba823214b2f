import type { RtcChannel, RtcChannelEvents } from './link.ts'

/** The channel under it. */
export interface RawChannel {
  readonly isOpen: boolean
  readonly bufferedBytes: number
  send(bytes: Uint8Array): void
  close(): void
}

/** What a channel may have brought before anybody listens: a stream begins with a line or two. */
const MAX_HELD_BYTES = 64 * 1024
const MAX_HELD_MESSAGES = 16

/** A channel whose messages wait for the one who listens; one that brings too many before is closed. */
export class HeldChannel implements RtcChannel, RtcChannelEvents {
  readonly #raw: RawChannel
  #held: Uint8Array[] = []
  #heldBytes = 0
  #isClosed = false
  #events: RtcChannelEvents | undefined
  #onOpen: (() => void) | undefined

  constructor(raw: RawChannel) {
    this.#raw = raw
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#raw.isOpen
  }

  get bufferedBytes(): number {
    return this.#raw.bufferedBytes
  }

  send(bytes: Uint8Array): void {
    this.#raw.send(bytes)
  }

  listen(events: RtcChannelEvents): void {
    this.#events = events
    const held = this.#held
    this.#held = []
    for (const bytes of held) events.message(bytes)
    if (this.#isClosed) events.closed()
  }

  close(): void {
    try {
      this.#raw.close()
    } catch {
      // it has gone by itself
    }
  }

  /** Once, whoever else listens; at once when it is open already. */
  onceOpen(listener: () => void): void {
    if (this.isOpen) listener()
    else this.#onOpen = listener
  }

  opened(): void {
    this.#onOpen?.()
    this.#events?.opened()
  }

  message(bytes: Uint8Array): void {
    if (this.#events !== undefined) return void this.#events.message(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes > MAX_HELD_BYTES || this.#held.length === MAX_HELD_MESSAGES) return void this.close()
    this.#held.push(bytes)
  }

  drained(): void {
    this.#events?.drained()
  }

  closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#events?.closed()
  }
}

/** Channels that a peer opens before anybody asks for them. */
const MAX_WAITING = 64

/** What a link tells once: its channels, and its end. A peer that opens too many before anybody asks is cut off. */
export class LinkEvents {
  readonly #cut: () => void
  #waiting: RtcChannel[] = []
  #onChannel: ((channel: RtcChannel) => void) | undefined
  #onClosed: (() => void)[] = []
  isClosed = false

  constructor(cut: () => void) {
    this.#cut = cut
  }

  onChannel(listener: (channel: RtcChannel) => void): void {
    this.#onChannel = listener
    const waiting = this.#waiting
    this.#waiting = []
    for (const channel of waiting) listener(channel)
  }

  onClosed(listener: () => void): void {
    if (this.isClosed) listener()
    else this.#onClosed.push(listener)
  }

  channel(channel: RtcChannel): void {
    if (this.#onChannel !== undefined) this.#onChannel(channel)
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(channel)
    else this.#cut()
  }

  closed(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#waiting = []
    for (const listener of this.#onClosed.splice(0)) listener()
  }
}
