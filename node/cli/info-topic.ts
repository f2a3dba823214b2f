/** What `floe info` tells in more detail. */
export const INFO_TOPICS = ['committee', 'epoch', 'price', 'storage', 'size'] as const

export type InfoTopic = (typeof INFO_TOPICS)[number]
