/**
 * WebRTC for those who have none: RTCPeerConnection exists on pages only, and libp2p runs in a worker. Each link has a MessagePort, by
 * which one side says what to do and the other what has come.
 */
import { raceSignal } from 'race-signal'
import { WEB_RTC } from '../network/limits.ts'
import type { RtcConnect } from '../network/web-rtc/dialing.ts'
import { HeldChannel, LinkEvents } from '../network/web-rtc/held.ts'
import type { RtcPlace } from '../network/web-rtc/kinds.ts'
import type { RtcChannel, RtcOpening } from '../network/web-rtc/link.ts'

/** What a page is asked to dial, and by which port it is told what to do there. */
export interface RtcCall {
  kind: 'call'
  place: RtcPlace
  ufrag: string
  port: MessagePort
}

/** Channels that a worker opens count up from 1, those that the peer opens down from -1; 0 is that of the handshake. */
type ToPage =
  | { kind: 'open'; channel: number }
  | { kind: 'end'; channel: number }
  | { kind: 'send'; channel: number; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'close' }

type FromPage =
  | { kind: 'ready'; clientFingerprint: Uint8Array }
  | { kind: 'failed'; message: string }
  | { kind: 'channel'; channel: number }
  | { kind: 'opened' | 'drained' | 'ended'; channel: number }
  | { kind: 'message'; channel: number; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'closed' }

type OfChannel = Extract<FromPage, { kind: 'opened' | 'drained' | 'ended' | 'message' }>

const HANDSHAKE = 0

/** Links by way of a page, to which the port of each call is to be transferred. Rejects when nobody can be asked. */
export function connectOverPorts(ask: (call: RtcCall) => Promise<void>): RtcConnect {
  return async (place, ufrag, signal) => {
    const { port1, port2 } = new MessageChannel()
    const far = new FarLink(port1)
    try {
      await raceSignal(ask({ kind: 'call', place, ufrag, port: port2 }), signal)
      return { ...(await raceSignal(far.ready, signal)), serverFingerprint: place.fingerprint }
    } catch (error) {
      far.close()
      throw error
    }
  }
}

type Ready = Omit<RtcOpening, 'serverFingerprint'>

class FarLink {
  readonly #port: MessagePort
  readonly #events = new LinkEvents(() => this.close())
  readonly #channels = new Map<number, FarChannel>()
  readonly #ready = Promise.withResolvers<Ready>()
  #last = 0

  constructor(port: MessagePort) {
    this.#port = port
    this.#ready.promise.catch(() => undefined)
    port.onmessage = ({ data }: MessageEvent<FromPage>) => this.#take(data)
    // the page has gone; browsers that do not tell leave it to the limits of requests
    port.addEventListener('close', () => this.#end())
  }

  get ready(): Promise<Ready> {
    return this.#ready.promise
  }

  open(): RtcChannel {
    if (this.#events.isClosed) throw new Error('the link has ended')
    const channel = this.#channel(++this.#last)
    this.#tell({ kind: 'open', channel: this.#last })
    return channel.held
  }

  onChannel(listener: (channel: RtcChannel) => void): void {
    this.#events.onChannel(listener)
  }

  onClosed(listener: () => void): void {
    this.#events.onClosed(listener)
  }

  close(): void {
    if (this.#events.isClosed) return
    this.#tell({ kind: 'close' })
    this.#end()
  }

  #end(): void {
    if (this.#events.isClosed) return
    this.#ready.reject(new Error('the link has ended'))
    this.#port.close()
    this.#events.closed()
    for (const channel of this.#channels.values()) channel.ended()
    this.#channels.clear()
  }

  #channel(number: number): FarChannel {
    const channel = new FarChannel(number, message => this.#tell(message))
    this.#channels.set(number, channel)
    return channel
  }

  #tell(message: ToPage): void {
    // what is sent is no longer needed here: it has been put together for this
    this.#port.postMessage(message, message.kind === 'send' ? [message.bytes.buffer] : [])
  }

  #take(message: FromPage): void {
    if (message.kind === 'ready') {
      const { clientFingerprint } = message
      const handshake = this.#channel(HANDSHAKE)
      handshake.opened()
      this.#ready.resolve({ link: this, handshake: handshake.held, clientFingerprint })
    } else if (message.kind === 'failed') this.#ready.reject(new Error(message.message))
    else if (message.kind === 'closed') this.#end()
    else if (message.kind === 'channel') {
      const channel = this.#channel(message.channel)
      channel.opened()
      this.#events.channel(channel.held)
    } else this.#takeOf(message, this.#channels.get(message.channel))
  }

  #takeOf(message: OfChannel, channel: FarChannel | undefined): void {
    if (message.kind === 'message') channel?.held.message(message.bytes)
    else if (message.kind === 'opened') channel?.opened()
    else if (message.kind === 'drained') channel?.drained()
    else {
      channel?.ended()
      this.#channels.delete(message.channel)
    }
  }
}

class FarChannel {
  readonly held: HeldChannel
  #isOpen = false
  #sentBytes = 0

  constructor(number: number, tell: (message: ToPage) => void) {
    const own = this
    this.held = new HeldChannel({
      get isOpen() {
        return own.#isOpen
      },
      get bufferedBytes() {
        return own.#sentBytes
      },
      send(bytes) {
        own.#sentBytes += bytes.length
        tell({ kind: 'send', channel: number, bytes: bytes as Uint8Array<ArrayBuffer> })
      },
      close: () => tell({ kind: 'end', channel: number }),
    })
  }

  opened(): void {
    this.#isOpen = true
    this.held.opened()
  }

  /** The page has sent it all. */
  drained(): void {
    this.#sentBytes = 0
    this.held.drained()
  }

  ended(): void {
    this.#isOpen = false
    this.held.closed()
  }
}

/** On the page: does what is asked by the port, until either side ends the link. */
export async function answerCall({ place, ufrag, port }: RtcCall, connect: RtcConnect): Promise<void> {
  const stop = new AbortController()
  const tell = (message: FromPage, transfer: Transferable[] = []): void => port.postMessage(message, transfer)
  // a service worker ends when its browser wants it to
  port.addEventListener('close', () => stop.abort(new Error('nobody is there any more')))
  // before it is up all that can be asked is to give up
  port.onmessage = () => stop.abort(new Error('nobody waits any more'))
  try {
    const { link, handshake, clientFingerprint } = await connect(place, ufrag, stop.signal)
    const channels = new Map<number, RtcChannel>()
    let lastOfPeer = 0
    const add = (number: number, channel: RtcChannel): void => {
      channels.set(number, channel)
      channel.listen(relayed(number, { tell, channel, ended: () => channels.delete(number) }))
    }
    tell({ kind: 'ready', clientFingerprint })
    add(HANDSHAKE, handshake)
    link.onChannel(channel => {
      tell({ kind: 'channel', channel: --lastOfPeer })
      add(lastOfPeer, channel)
    })
    link.onClosed(() => {
      tell({ kind: 'closed' })
      port.close()
    })
    const obey = (message: ToPage): void => {
      if (message.kind === 'close') return void link.close()
      if (message.kind === 'open') return void add(message.channel, link.open())
      const channel = channels.get(message.channel)
      if (message.kind === 'end') return void channel?.close()
      if (channel?.isOpen !== true) return
      channel.send(message.bytes)
      if (channel.bufferedBytes <= WEB_RTC.drainedBytes) tell({ kind: 'drained', channel: message.channel })
    }
    stop.signal.addEventListener('abort', () => link.close())
    port.onmessage = ({ data }: MessageEvent<ToPage>) => {
      try {
        obey(data)
      } catch {
        // what it is asked of has just gone
        link.close()
      }
    }
  } catch (error) {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
    port.close()
  }
}

interface Relaying {
  tell: (message: FromPage, transfer?: Transferable[]) => void
  channel: RtcChannel
  ended: () => void
}

function relayed(number: number, { tell, ended }: Relaying): Parameters<RtcChannel['listen']>[0] {
  return {
    opened: () => tell({ kind: 'opened', channel: number }),
    drained: () => tell({ kind: 'drained', channel: number }),
    message(bytes) {
      // a message of the browser's has a buffer of its own; of others, as in tests, it may be a part of one
      const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
      tell({ kind: 'message', channel: number, bytes: own as Uint8Array<ArrayBuffer> }, [own.buffer])
    },
    closed() {
      ended()
      tell({ kind: 'ended', channel: number })
    },
  }
}
