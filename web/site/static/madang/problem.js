/**
 * What went wrong, as the server names it (RFC 9457 with a `code`), or one of ours: `network` (the server can't be
 * reached), `outbox_full`, `no_answer` (ask has waited too long), and the code with which a room or connection ended.
 */
export class Problem extends Error {
  /**
   * @param {number} status HTTP status; 0 when it did not come by HTTP
   * @param {string} code stable snake_case word
   * @param {string} [detail] for developers; show players a text of your own for each code
   * @param {number} [request] the seq of the message that was refused, if it was one
   */
  constructor(status, code, detail, request) {
    super(detail || code);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.request = request;
  }
}
