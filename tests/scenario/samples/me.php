<?php
$answer = file_get_contents($argv[1] . "/v1/me/" . $argv[2]);
$me = json_decode($answer, true);
if ($me["success"] === true) {
    echo $me["credit"], " ", $me["currency"], "\n";
}
