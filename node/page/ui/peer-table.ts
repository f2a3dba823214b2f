import type { PeerView } from '../messages.ts'
import { formatBytes } from './format.ts'

/** Rows of the peers of one read, in the order in which they were asked. */
export interface PeerTable {
  clear(): void
  show(peer: PeerView): void
  /** of all peers */
  bytes(): number
  readonly hedges: number
  readonly liars: string[]
}

export function createPeerTable(body: HTMLElement): PeerTable {
  const rows = new Map<string, HTMLTableRowElement>()
  const views = new Map<string, PeerView>()
  return {
    clear() {
      rows.clear()
      views.clear()
      body.replaceChildren()
    },
    show(peer) {
      const row = rows.get(peer.peerId) ?? body.appendChild(document.createElement('tr'))
      rows.set(peer.peerId, row)
      views.set(peer.peerId, peer)
      row.className = peer.isLiar ? 'liar' : peer.state
      row.title = peer.peerId
      const slivers = `${peer.answeredSlivers} of ${peer.askedSlivers}`
      const texts = [peer.name, peer.path, slivers, formatBytes(peer.bytes), stateWord(peer)]
      row.replaceChildren(
        ...texts.map(text => {
          const cell = document.createElement('td')
          // names are their nodes' own words
          cell.textContent = text
          return cell
        }),
      )
    },
    bytes: () => [...views.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    get hedges() {
      return [...views.values()].filter(({ isHedge }) => isHedge).length
    },
    get liars() {
      return [...views.values()].filter(({ isLiar }) => isLiar).map(({ name }) => name)
    },
  }
}

const STATES = { asked: 'asked', answered: 'done', left: 'not needed any more', failed: 'failed' } as const

function stateWord({ isLiar, isHedge, state, problem }: PeerView): string {
  if (isLiar) return 'lied'
  const word = problem === undefined ? STATES[state] : `${STATES[state]}: ${problem}`
  return isHedge ? `${word}, asked later` : word
}
