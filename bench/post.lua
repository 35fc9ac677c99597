-- For wrk: one ballot in each request, without a cookie, so each is of a new voter.
wrk.method = "POST"
wrk.body = "vote=a"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
