import { ipScope } from '../../base/ip.ts'

/** From where a page came, and what it was allowed, which decide what it dials. */
export interface PagePlace {
  /** by HTTPS: WebSockets without TLS are blocked */
  isSecure: boolean
  /** loopback and private addresses, too: browsers ask people before a public page gets there */
  dialsPrivate: boolean
}

/** The place of a page at this URL: one of the reader's own machine or network dials there unasked, others where people chose it. */
export function pagePlace(
  { protocol, hostname }: Pick<URL, 'protocol' | 'hostname'>,
  isChosen: boolean,
): PagePlace {
  return { isSecure: protocol === 'https:', dialsPrivate: isChosen || isPrivateHost(hostname) }
}

/** Whether the host of a URL is loopback or private. */
export function isPrivateHost(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost') || hostname.endsWith('.local')) return true
  const scope = ipScope(hostname.replace(/^\[|\]$/g, ''))
  return scope === 'loopback' || scope === 'private' || scope === 'link-local'
}
