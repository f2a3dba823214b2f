import type { RtcCall } from '../rtc-port.ts'

/** What of a service worker's clients is used: its `Clients`. */
export interface OpenPages {
  matchAll(options: { type: 'window'; includeUncontrolled: true }): Promise<readonly OpenPage[]>
}

interface OpenPage {
  readonly url: string
  postMessage(call: RtcCall, transfer: Transferable[]): void
}

/** Has an open page dial by WebRTC, which service workers have not: the one that was looked at last. Rejects when none is open. */
export async function askPage(pages: OpenPages, call: RtcCall): Promise<void> {
  const open = await pages.matchAll({ type: 'window', includeUncontrolled: true })
  const page = open.find(({ url }) => new URL(url).pathname === '/read')
  if (page === undefined) throw new Error('no page is open that could dial')
  page.postMessage(call, [call.port])
}
